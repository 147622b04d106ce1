"""What is wrong with a dataset, one small pure function each: ``Cleaned`` in, a problem with its remedy out (or None).

A new check is one function and one line in ``CHECKS``. ``tests/data/test_checks.py`` runs every entry on good and bad files. A check that has
a remedy of one click offers it as a ``Fix`` (see steering/data/fixes.py).
"""

from collections.abc import Callable

from steering.data.checks.classes import (
    imbalance,
    label_spellings,
    merged_spellings,
    no_repeated_class,
    numeric_labels,
    one_class,
    similar_labels,
    small_classes,
)
from steering.data.checks.contents import constant_texts, control_characters, label_in_text, personal, scripts, too_long
from steering.data.checks.rows import conflicts, constant_columns, duplicates, missing_label, missing_text, other_answers, too_few_rows
from steering.data.cleaning import Cleaned
from steering.spec import Problem

CHECKS: dict[str, Callable[[Cleaned], Problem | None]] = {
    "too_few_rows": too_few_rows,
    "one_class": one_class,
    "no_repeated_class": no_repeated_class,
    "missing_text": missing_text,
    "missing_label": missing_label,
    "conflicts": conflicts,
    "label_spellings": label_spellings,
    "similar_labels": similar_labels,
    "numeric_labels": numeric_labels,
    "small_classes": small_classes,
    "label_in_text": label_in_text,
    "too_long": too_long,
    "constant_texts": constant_texts,
    "control_characters": control_characters,
    "duplicates": duplicates,
    "other_answers": other_answers,
    "merged_spellings": merged_spellings,
    "imbalance": imbalance,
    "personal_data": personal,
    "scripts": scripts,
    "constant_columns": constant_columns,
}
"""Kind of problem and the function that looks for it, in the order of the report."""
