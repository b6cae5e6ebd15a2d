"""Training."""

from pyrovae.schedules import CyclicalSchedule, ExponentialDecay, LinearWarmup, Schedule
from pyrovae.training.averaging import WeightAverage
from pyrovae.training.callbacks import Callback
from pyrovae.training.divergence import Diverged
from pyrovae.training.fit import fit
from pyrovae.training.history import History
from pyrovae.training.signals import Interrupted
from pyrovae.training.state import TrainingState
from pyrovae.training.svi import CompiledSVI
from pyrovae.training.tensorboard import TensorBoard

__all__ = [
    "Callback",
    "CompiledSVI",
    "CyclicalSchedule",
    "Diverged",
    "ExponentialDecay",
    "History",
    "Interrupted",
    "LinearWarmup",
    "Schedule",
    "TensorBoard",
    "TrainingState",
    "WeightAverage",
    "fit",
]
