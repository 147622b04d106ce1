"""What outlives a request: SQLite for runs, events, datasets and requests; files for tensors. No torch."""

from steering.store.atomic import replace_file
from steering.store.database import storage_error
from steering.store.datasets import Dataset, ListedDataset
from steering.store.labels import SKIPPED
from steering.store.protocol import Kept, looked_at
from steering.store.requests import Request
from steering.store.runs import ACTIVE, FINAL, Run, StoredEvent
from steering.store.store import Store
from steering.store.verdicts import Judgement, Vote

__all__ = [
    "ACTIVE",
    "FINAL",
    "SKIPPED",
    "Dataset",
    "Judgement",
    "Kept",
    "ListedDataset",
    "Request",
    "Run",
    "Store",
    "StoredEvent",
    "Vote",
    "looked_at",
    "replace_file",
    "storage_error",
]
