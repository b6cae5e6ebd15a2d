"""Sparse data: rows of which few values are not zero, as counts of cells and words are."""
