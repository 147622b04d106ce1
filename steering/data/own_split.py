"""Where a file says itself which rows are for training, validation and testing."""

from steering.data.names import words
from steering.data.table import Table
from steering.spec import Side

SPLIT_NAMES = frozenset({"split", "subset", "partition", "set", "fold", "side", "part", "usage"})
SPLIT_VALUES: dict[str, Side] = {
    **dict.fromkeys(("train", "training", "trn", "fit"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development", "eval", "tune"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "heldout", "held out", "holdout"), "test"),
}


def find_split_column(table: Table) -> str | None:
    """The column in which the file says which rows are for training and which for testing, if there is one."""
    for name in table.columns:
        if SPLIT_NAMES & set(words(name)):
            sides = {side_named(value) for value in set(table.column(name)) if value}
            if None not in sides and len(sides) > 1 and "train" in sides:
                return name
    return None


def side_named(value: str) -> Side | None:
    """The side that a cell such as ``dev`` or ``Held-out`` names."""
    return SPLIT_VALUES.get(" ".join(words(value)))
