"""Taking a model elsewhere: its encoder, decoder and sampler as programs without Pyro."""

from pyrovae.exporting.export import Exported, export
from pyrovae.exporting.programs import PROGRAMS

__all__ = ["PROGRAMS", "Exported", "export"]
