"""The store: one SQLite file (WAL) and one folder a run. What the page shows is read from here, and nothing else is truth.

Any number of processes may read and enqueue; only the engine writes events.
"""

from steering.store.datasets import Datasets
from steering.store.labels import Labels
from steering.store.protocol import Protocol
from steering.store.requests import Requests
from steering.store.runs import Runs
from steering.store.verdicts import Verdicts


class Store(Datasets, Labels, Runs, Requests, Protocol, Verdicts):
    """Everything that outlives a request, under one folder.

    Raises:
        StorageError: the folder cannot be made or written (read-only, full, a file in the way).
    """

    def delete_run(self, run: str) -> None:
        """Forget a run with its events and tensors, and the texts without labels that only it was trained on.

        Raises:
            NotFoundError: no such run.
        """
        inputs = self.run(run).spec.inputs
        super().delete_run(run)
        if inputs and all(other.spec.inputs != inputs for other in self.runs()):
            self.drop_unused(inputs)
