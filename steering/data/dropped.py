"""The rows that are not used, as a file to look through and to mend: each with its line and the reason."""

from steering.data.cleaning import REASONS
from steering.data.export import export_csv
from steering.data.prepare import Prepared
from steering.data.readers.grid import unique_names


def dropped_rows(prepared: Prepared) -> list[tuple[int, str, dict[str, str | None]]]:
    """Line, reason and values of every row that is not an example, by line; those that could not be read have none (see ``Table.unreadable_rows``).

    Together with the examples these are all rows of the file: ``rows_read == rows_usable + len(dropped_rows(...))``.
    """
    found = [(item.row.line, item.reason, item.row.values) for item in prepared.left_out]
    found += [(line, "unreadable", {}) for line in prepared.table.unreadable_lines]
    return sorted(found, key=lambda item: item[0])


def dropped_csv(prepared: Prepared) -> bytes:
    """The same as CSV that is safe to open in a spreadsheet program. A column of the file that is called ``line`` becomes ``line_2``.

    Where rows could not be read, a last column ``as it stands`` holds their text.
    """
    table = prepared.table
    line, reason, *columns, raw = unique_names(["line", "reason", *table.columns, "as it stands"])
    rows = [
        {line: str(number), reason: REASONS[why], **{shown: values.get(name) for shown, name in zip(columns, table.columns, strict=True)}}
        for number, why, values in dropped_rows(prepared)
        if why != "unreadable"
    ]
    rows += [{line: str(number), reason: REASONS["unreadable"], raw: text} for number, text in table.unreadable_rows]
    rows.sort(key=lambda row: int(row[line] or 0))
    return export_csv(rows, [line, reason, *columns, *([raw] if table.unreadable else [])])
