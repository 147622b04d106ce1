"""Metrics, intervals, paired tests and the verdict. Pure; no torch.

Start at :mod:`~steering.evaluate.comparison` (everything on the same rows) or :mod:`~steering.evaluate.verdict` (two contestants). The heavy
statistics packages are imported inside the functions that use them, because the page imports this one.
"""
