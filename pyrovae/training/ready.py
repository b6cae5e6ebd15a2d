"""Data, model and objective, made ready for training."""

import math
from typing import Any

import pyro.infer
import torch
from torch import nn

from pyrovae.datasets import Data, Split
from pyrovae.datasets.values import to_dtype
from pyrovae.evaluation.scale import check_scale
from pyrovae.evaluation.support import check_support
from pyrovae.handlers import tensors_taken
from pyrovae.nn.modes import evaluation_mode
from pyrovae.programs import Program, dtype_of
from pyrovae.scope import isolated
from pyrovae.training.devices import choose_device

__all__ = ["make_first_call", "make_ready", "read_data"]


def read_data(model: Program, data: Any) -> Data:
    """The data as splits.

    Raises:
        ValueError: If the data cannot be read.
    """
    return Data.of(data, fields=tensors_taken(model.model))


def make_ready(model: Program, data: Data, *, device: str | torch.device) -> torch.device:
    """Moves a module to its device, makes it train, and looks whether data and programs fit.

    Where it trains already, parts in evaluation mode are left there: a user has frozen them.

    Returns:
        The device.
    """
    device = choose_device(device)
    if isinstance(model, nn.Module):
        model.to(device)
        if not model.training:
            model.train()
    check_support(model, data.train, device)
    check_scale(model, data.train, device)
    if data.validation is not None:
        check_support(model, data.validation, device)
    return device


def make_first_call(
    objective: pyro.infer.ELBO, model: Program, split: Split, device: torch.device
) -> None:
    """Lets one of Pyro's estimators find out how deep the plates are nested.

    It does so at its first call, with draws of its own. Made ahead of training, the call leaves
    to training the same random numbers whether it begins or goes on.
    """
    if objective.max_plate_nesting < math.inf:
        return
    with isolated(device, seed=0), evaluation_mode(model):
        batch = to_dtype((value.to(device) for value in split.take(2)), dtype_of(model))
        objective.loss_and_grads(model.model, model.guide, *batch)
