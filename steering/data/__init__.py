"""Bytes to rows to examples: readers, column mapping, template, label words, report, splits. Pure; no torch."""
