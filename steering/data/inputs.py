"""Texts without labels, for a long prompt to answer: the first column of text of any file that can be read."""

from steering.data.limits import ReadOptions
from steering.data.mapping import text_columns
from steering.data.readers import read
from steering.errors import DataError


def texts_of(content: bytes, name: str = "inputs") -> list[str]:
    """The texts of a file, empty ones left out.

    Raises:
        DataError: it cannot be read, or holds no texts.
    """
    table = read(name, content, ReadOptions(unlabelled=True))
    columns = text_columns(table)
    if not columns:
        raise DataError(f"the inputs have no column of text (columns: {', '.join(table.columns)}).", "Choose a file with one text a row.")
    return [text for text in table.column(columns[0]) if text]
