"""Variational autoencoders as Pyro programs."""

from pyrovae.checkpoint import load, save
from pyrovae.datasets import load_data
from pyrovae.evaluation import evaluate
from pyrovae.models import VAE
from pyrovae.training import fit

__version__ = "0.1.0"

__all__ = ["VAE", "__version__", "evaluate", "fit", "load", "load_data", "save"]
