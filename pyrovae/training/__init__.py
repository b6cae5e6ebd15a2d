"""Training."""

from pyrovae.schedules import CyclicalSchedule, ExponentialDecay, LinearWarmup, Schedule
from pyrovae.training.checks import Diverged
from pyrovae.training.fit import fit
from pyrovae.training.history import History
from pyrovae.training.svi import CompiledSVI

__all__ = [
    "CompiledSVI",
    "CyclicalSchedule",
    "Diverged",
    "ExponentialDecay",
    "History",
    "LinearWarmup",
    "Schedule",
    "fit",
]
