"""The store: one SQLite file (WAL) and one folder a run. What the page shows is read from here, and nothing else is truth.

Any number of processes may read and enqueue; only the engine writes events.
"""

from steering.store.datasets import Datasets
from steering.store.labels import Labels
from steering.store.protocol import Protocol
from steering.store.requests import Requests
from steering.store.runs import Runs


class Store(Datasets, Labels, Runs, Requests, Protocol):
    """Everything that outlives a request, under one folder.

    Raises:
        StorageError: the folder cannot be made or written (read-only, full, a file in the way).
    """
