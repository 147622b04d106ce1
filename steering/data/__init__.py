"""Bytes to rows to examples: readers, column mapping, template, label words, report, fixes, splits. Pure; no torch."""

from steering.data.checks import CHECKS
from steering.data.cleaning import REASONS, Cleaned, LeftOut, clean, normalise, text_key, text_of
from steering.data.columns import Column, describe
from steering.data.dropped import dropped_csv, dropped_rows
from steering.data.examples import examples
from steering.data.export import export_csv
from steering.data.fixes import FIXES, toggled
from steering.data.groups import groups_of
from steering.data.labels import check_label_words, default_label_words
from steering.data.limits import Limits, ReadOptions, limits_of
from steering.data.mapping import Mapping, guess, guess_kind, text_columns
from steering.data.near import NearDuplicates, find_near_duplicates, near_duplicates
from steering.data.own_files import with_own_files
from steering.data.prepare import Prepared, prepare, uncollected
from steering.data.readers import READERS, Reader, read
from steering.data.report import Report, detectable_gap_points, report, unmapped
from steering.data.samples import Sample, samples
from steering.data.small import shares
from steering.data.splits import folds, place
from steering.data.suggest import Suggestions, suggest
from steering.data.table import Row, Table
from steering.data.template import check_template, fields, render

__all__ = [
    "CHECKS",
    "FIXES",
    "READERS",
    "REASONS",
    "Cleaned",
    "Column",
    "LeftOut",
    "Limits",
    "Mapping",
    "NearDuplicates",
    "Prepared",
    "ReadOptions",
    "Reader",
    "Report",
    "Row",
    "Sample",
    "Suggestions",
    "Table",
    "check_label_words",
    "check_template",
    "clean",
    "default_label_words",
    "describe",
    "detectable_gap_points",
    "dropped_csv",
    "dropped_rows",
    "examples",
    "export_csv",
    "fields",
    "find_near_duplicates",
    "folds",
    "groups_of",
    "guess",
    "guess_kind",
    "limits_of",
    "near_duplicates",
    "normalise",
    "place",
    "prepare",
    "read",
    "render",
    "report",
    "samples",
    "shares",
    "suggest",
    "text_columns",
    "text_key",
    "text_of",
    "toggled",
    "uncollected",
    "unmapped",
    "with_own_files",
]
