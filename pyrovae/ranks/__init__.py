"""Several processes that run one program: `torchrun` starts them, `fit` and `evaluate` share work."""

from pyrovae.ranks.group import ALONE, Ranks, alone, launched, present
from pyrovae.ranks.reduce import (
    aside,
    count,
    in_step,
    rows,
    stacked,
    step_of,
    sum_over_ranks,
    total,
)
from pyrovae.ranks.together import OnAllRanks, RankFailed, first_to_say, together

__all__ = [
    "ALONE",
    "OnAllRanks",
    "RankFailed",
    "Ranks",
    "alone",
    "aside",
    "count",
    "first_to_say",
    "in_step",
    "launched",
    "present",
    "rows",
    "stacked",
    "step_of",
    "sum_over_ranks",
    "together",
    "total",
]
