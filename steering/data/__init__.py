"""Bytes to rows to examples: readers, column mapping, template, label words, report, splits. Pure; no torch."""

from steering.data.checks import CHECKS
from steering.data.cleaning import Cleaned, clean, normalise, text_key
from steering.data.examples import examples
from steering.data.export import export_csv
from steering.data.labels import check_label_words, default_label_words
from steering.data.limits import Limits, ReadOptions
from steering.data.mapping import Mapping, guess, guess_kind
from steering.data.prepare import Prepared, prepare
from steering.data.readers import READERS, Reader, read
from steering.data.report import Report, detectable_gap_points, report
from steering.data.samples import Sample, samples
from steering.data.splits import place
from steering.data.table import Row, Table
from steering.data.template import check_template, fields, render

__all__ = [
    "CHECKS",
    "READERS",
    "Cleaned",
    "Limits",
    "Mapping",
    "Prepared",
    "ReadOptions",
    "Reader",
    "Report",
    "Row",
    "Sample",
    "Table",
    "check_label_words",
    "check_template",
    "clean",
    "default_label_words",
    "detectable_gap_points",
    "examples",
    "export_csv",
    "fields",
    "guess",
    "guess_kind",
    "normalise",
    "place",
    "prepare",
    "read",
    "render",
    "report",
    "samples",
    "text_key",
]
