"""Parquet, by pyarrow. Class numbers of Hugging Face data sets get the names that the file carries; columns that are no text are left out."""

import io
import json
from collections.abc import Callable
from typing import Any

from steering.data.names import clean_name
from steering.data.readers.chats import chat_note, unfolded
from steering.data.readers.objects import has_half_pair, text_of
from steering.data.readers.source import Source
from steering.data.readers.text import lost_characters
from steering.data.table import FEWER, Row, Table, check_size, make_problem, plural
from steering.errors import DataError
from steering.spec import Problem

MAGIC = b"PAR1"
BATCH_ROWS = 2000
DAMAGED = "Export it again, or convert it to CSV."


def claims(source: Source) -> bool:
    """Whether the file begins as Parquet files do."""
    return source.content.startswith(MAGIC)


def read(source: Source) -> Table:
    """Read a Parquet file. Rows are numbered from 1.

    Raises:
        DataError: damaged, more than the limits allow, or no two columns that can be text.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(source.content))
        _check_declared(source, file)
        names = [field.name for field in file.schema_arrow if _is_usable(field.type)]
        left = [field.name for field in file.schema_arrow if field.name not in names]
        texts = [field.name for field in file.schema_arrow if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
        # Dictionaries stay dictionaries: a text stored once and used in every row must not be written out for every row.
        file = pq.ParquetFile(io.BytesIO(source.content), read_dictionary=texts)
        columns: dict[str, list[str | None]] = {name: [] for name in names}
        labels = _class_names(file.schema_arrow.metadata or {})
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=names, use_threads=False):
            for name in names:
                columns[name] += _texts(batch.column(batch.schema.get_field_index(name)), labels.get(name))
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError, OverflowError, MemoryError, RecursionError) as error:
        message = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise DataError(f"{source.name!r} is a damaged Parquet file: {message}.", DAMAGED) from None
    return _table(source, columns, left, labels)


def _check_declared(source: Source, file: Any) -> None:
    metadata = file.metadata
    check_size(source.name, max(metadata.num_columns, 1), max(metadata.num_rows, 0), source.limits)
    groups = [metadata.row_group(index) for index in range(min(metadata.num_row_groups, source.limits.rows))]
    size = sum(group.total_byte_size for group in groups)
    if size > source.limits.unpacked or sum(group.num_rows for group in groups) > source.limits.rows:
        raise DataError(f"{source.name!r} is larger than {source.limits.unpacked / 1e6:,.0f} MB when unpacked.", FEWER)


def _is_usable(kind: Any) -> bool:
    """Text, numbers, truth values, dates, and lists and structures of these; no pictures or sound."""
    import pyarrow.types as t

    if t.is_dictionary(kind):
        return _is_usable(kind.value_type)
    if t.is_list(kind) or t.is_large_list(kind):
        return _is_usable(kind.value_type)
    if t.is_struct(kind):
        return all(_is_usable(kind.field(index).type) for index in range(kind.num_fields))
    checks: tuple[Callable[[Any], bool], ...] = (t.is_string, t.is_large_string, t.is_integer, t.is_floating, t.is_boolean, t.is_date, t.is_decimal)
    return any(check(kind) for check in checks) or bool(t.is_timestamp(kind))


def _texts(array: Any, names: list[str] | None) -> list[str | None]:
    import pyarrow as pa

    if isinstance(array, pa.DictionaryArray):
        words = [_text(value, names) for value in array.dictionary.to_pylist()]
        return [None if index is None else words[index] for index in array.indices.to_pylist()]
    return [_text(value, names) for value in array.to_pylist()]


def _text(value: Any, names: list[str] | None) -> str | None:
    if names is not None and isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    if isinstance(value, float) and value != value:
        return None
    if value is None or isinstance(value, (str, int, float)):
        return text_of(value)
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (dict, list)) else str(value)


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Names of class numbers, as Hugging Face data sets write them into the file."""
    written = metadata.get(b"huggingface", b"").decode("utf-8", "replace")
    try:
        features = json.loads(written)["info"]["features"]
        found = {name: feature["names"] for name, feature in features.items() if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    if has_half_pair(written):
        return {}
    return {name: names for name, names in found.items() if isinstance(names, list) and all(isinstance(item, str) for item in names)}


def _without_chats(columns: dict[str, list[str | None]]) -> tuple[dict[str, list[str | None]], list[Problem]]:
    """The columns with conversations taken apart, as :mod:`steering.data.readers.chats` says."""
    for name, cells in columns.items():
        first = next(filter(None, cells), "")
        if first.startswith("[{") and unfolded({name: json.loads(first)}).keys() != {name}:
            parts = [unfolded({name: json.loads(cell)}) if cell else {} for cell in cells]
            made: dict[str, list[str | None]] = {part: [text_of(one.get(part)) for one in parts] for part in ("system", "prompt", "completion")}
            return {**made, **{other: values for other, values in columns.items() if other != name}}, [chat_note()]
    return columns, []


def _table(source: Source, columns: dict[str, list[str | None]], left: list[str], labels: dict[str, list[str]]) -> Table:
    shown: dict[str, list[str | None]] = {}
    columns, notes = _without_chats(columns)
    for name, cells in columns.items():
        clean = clean_name(name) or "unnamed"
        if not name.startswith("__index_level_") and any(cells) and clean not in shown:
            shown[clean] = cells
    count = len(next(iter(shown.values()), []))
    if len(shown) < source.options.least_columns or not count:
        raise DataError(
            f"{source.name!r} has fewer than two columns that hold text ({', '.join(columns) or 'none'}).", "A text and a label are needed."
        )
    rows = [Row(line=number, values=dict(zip(shown, cells, strict=True))) for number, cells in enumerate(zip(*shown.values(), strict=True), start=1)]
    problems: list[Problem] = notes
    if left:
        message = f"{plural(len(left), 'column')} without text left out: {', '.join(left[:5])}."
        problems.append(make_problem("columns_left_out", "note", [], message))
    if labels:
        message = f"the numbers in {', '.join(map(repr, labels))} became the class names that the file carries."
        problems.append(make_problem("class_names", "note", [], message))
    problems += lost_characters(rows)
    return Table(columns=tuple(shown), rows=tuple(rows), format="parquet", encoding="binary", delimiter=None, digest="", problems=tuple(problems))
