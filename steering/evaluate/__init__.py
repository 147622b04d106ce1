"""Metrics, intervals, paired tests and the verdict. Pure; no torch."""
