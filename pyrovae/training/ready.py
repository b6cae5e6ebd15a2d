"""Prepares data, model and objective for training."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from pyrovae.checks import check_count
from pyrovae.datasets import Data, Split, StreamSplit
from pyrovae.datasets.stream_epochs import StreamEpochs
from pyrovae.datasets.values import to_dtype
from pyrovae.evaluation.same_data import check_same_data
from pyrovae.evaluation.scale import check_scale
from pyrovae.evaluation.support import check_support
from pyrovae.handlers import tensors_taken
from pyrovae.nn.modes import evaluation_mode
from pyrovae.programs import Program, dtype_of, takes_counts
from pyrovae.ranks import present
from pyrovae.scope import isolated
from pyrovae.training.devices import choose_device
from pyrovae.training.gradients import Gradients

__all__ = ["make_first_call", "make_ready", "read_data"]


def read_data(
    model: Program, data: Any, *, steps_per_epoch: int | None = None, batch_size: int = 1
) -> Data:
    """Reads the data as splits; the training split has a length.

    Args:
        model: The program that takes the data.
        data: The data given to `fit`.
        steps_per_epoch: Number of steps in an epoch of a stream.
        batch_size: Number of data in a step, over all ranks.

    Raises:
        ValueError: If the data cannot be read, if ranks read different data, if a stream without a
            length comes without a number of steps, or if that number is given for data that are no
            stream.
    """
    ranks = present()
    read = Data.of(data, fields=tensors_taken(model.model), counts=takes_counts(model))
    stream = read.train
    for split in (read.train, read.validation):
        if split is not None:
            check_same_data(split, ranks, batch_size=batch_size)
    if steps_per_epoch is None:
        if stream.length is None:
            raise ValueError(
                "steps_per_epoch: expected the number of steps in an epoch, because the training "
                "data are a stream without a length, got none"
            )
        return read
    check_count("steps_per_epoch", steps_per_epoch)
    if not isinstance(stream, StreamSplit):
        raise ValueError(
            "steps_per_epoch: expected a stream as training data (an iterable data set, or a "
            f"loader of one), got {len(stream)} indexed data: an epoch always uses all of them"
        )
    train = StreamEpochs(
        stream, steps=steps_per_epoch, batch_size=batch_size, rank=ranks.rank, size=ranks.size
    )
    return replace(read, train=train)


def make_ready(model: Program, data: Data, *, device: str | torch.device) -> torch.device:
    """Moves a module to its device, puts it in training mode, and checks it against the data.

    In a module that is in training mode already, parts in evaluation mode stay so: a user has
    frozen them.

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
    gradients: Gradients,
    parameters: Sequence[Tensor],
    model: Program,
    split: Split,
    device: torch.device,
    *,
    batch_size: int,
) -> None:
    """Computes the gradients of one batch, before anything is written or moved.

    An objective that cannot be used with the programs thus fails before a checkpoint overwrites
    another. Besides, Pyro's estimators determine the nesting of plates at their first call, with
    draws of their own. With this call made before training, training itself draws the same random
    numbers whether it begins or resumes.

    Raises:
        ValueError: If the objective cannot be used with these programs.
    """
    player = gradients.player
    still = nullcontext() if player is None else evaluation_mode(player.adversary)
    with isolated(device, seed=0), evaluation_mode(model), still:
        batch = next(iter(split.batches(batch_size, device=device)))
        if player is not None and not hasattr(gradients.objective, "differentiable_loss"):
            raise ValueError(
                f"objective: {type(gradients.objective).__name__} has no loss to differentiate "
                "together with an adversary's; use one of pyrovae.objectives"
            )
        try:
            gradients(parameters, to_dtype(batch, dtype_of(model)))
        except NotImplementedError as error:
            name = type(gradients.objective).__name__
            raise ValueError(
                f"objective: {name} does not work with this model: {error}"
            ) from error
    for parameter in [*parameters, *([] if player is None else player.parameters)]:
        parameter.grad = None
    if gradients.skips is not None:
        gradients.skips.count.zero_()  # this call was not a step
