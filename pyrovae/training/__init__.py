"""Training."""

from pyrovae.training.checks import Diverged
from pyrovae.training.fit import fit
from pyrovae.training.history import History
from pyrovae.training.schedules import CyclicalSchedule, LinearWarmup, Schedule

__all__ = ["CyclicalSchedule", "Diverged", "History", "LinearWarmup", "Schedule", "fit"]
