"""The training generator and its recipe."""
