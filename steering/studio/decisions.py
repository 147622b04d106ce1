"""What a person decided about a file: kept with the dataset, so that every decision can be changed and undone."""

from dataclasses import dataclass, field, replace

from steering.data import Limits, ReadOptions
from steering.knobs import to_json
from steering.spec import Fix, Kind, digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is read; whatever is None is decided by evidence.

    ``join``, ``fixes``, ``group_column`` and ``split_column`` as in :func:`steering.data.prepare`. ``near``: look for near-duplicates at once
    (None: only where that takes no time, otherwise see :meth:`steering.studio.DataDesk.look_for_near`; False: not at all). ``header``,
    ``encoding``, ``delimiter`` and ``sheet`` as in :class:`steering.data.ReadOptions`. ``extra``: digests of the person's own files for
    "validation" or "test"; FILE is then not split for that side.
    """

    text_column: str | None = None
    label_column: str | None = None
    kind: Kind | None = None
    join: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()
    group_column: str | None = None
    split_column: str | None = None
    near: bool | None = None
    header: bool | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    extra: dict[str, str] = field(default_factory=dict)

    def options(self, limits: Limits) -> ReadOptions:
        """How the bytes become a table."""
        return ReadOptions(limits=limits, header=self.header, encoding=self.encoding, delimiter=self.delimiter, sheet=self.sheet)

    def texts_of(self, content: str) -> str:
        """The name of the texts that the file ``content`` has when it is read so: whatever else is decided, near-duplicates are the same."""
        fixes = tuple(fix for fix in self.fixes if fix.name != "leave_out_near_duplicates")
        same = replace(self, near=None, group_column=None, split_column=None, fixes=fixes)
        return digest({"content": content, "reading": to_json(same)})
