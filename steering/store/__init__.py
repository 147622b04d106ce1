"""What outlives a request: SQLite for runs, events, datasets and requests; files for tensors. No torch."""

from steering.store.atomic import replace_file
from steering.store.store import ACTIVE, FINAL, Dataset, Request, Run, Store, StoredEvent

__all__ = ["ACTIVE", "FINAL", "Dataset", "Request", "Run", "Store", "StoredEvent", "replace_file"]
