"""Speed of one and the same training step in pyrovae and its peers, side by side.

``python -m benchmarks.speed`` runs it; `__main__` says how. One worker process for each contender
waits for its turn (`worker`, `turns`), so that measurements interleave and each contender's peak
memory is its own; `runner` gives the turns, through one `process` each, `cases` says what is
measured, `contenders` are the loops, `bounds` shows that they do the same work, and `report` writes
the page.
"""
