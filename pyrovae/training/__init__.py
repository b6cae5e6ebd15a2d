"""Training."""

from pyrovae.schedules import CyclicalSchedule, ExponentialDecay, LinearWarmup, Schedule
from pyrovae.training.checks import Diverged
from pyrovae.training.fit import fit
from pyrovae.training.history import History

__all__ = [
    "CyclicalSchedule",
    "Diverged",
    "ExponentialDecay",
    "History",
    "LinearWarmup",
    "Schedule",
    "fit",
]
