"""Views on learned vectors: one file a view, behind one contract and one table."""
