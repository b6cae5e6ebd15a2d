"""Training."""

from pyrovae.schedules import CyclicalSchedule, LinearWarmup, Schedule
from pyrovae.training.checks import Diverged
from pyrovae.training.fit import fit
from pyrovae.training.history import History

__all__ = ["CyclicalSchedule", "Diverged", "History", "LinearWarmup", "Schedule", "fit"]
