"""Checks that several ranks can train together, and that they hold the same weights."""

import math
from collections.abc import Mapping
from typing import Any

import pyro.infer
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from pyrovae.ranks import OnAllRanks, Ranks
from pyrovae.training.state import TrainingState
from pyrovae.training.validation import looks_across_the_batch
from pyrovae.training.weights import tensors

__all__ = ["check_alike", "make_alike"]


def make_alike(
    ranks: Ranks,
    model: Any,
    objective: pyro.infer.ELBO,
    given: Mapping[str, Any],
    *,
    batch_size: int,
    adversary: nn.Module | None = None,
) -> None:
    """Checks that several ranks can train as one process would, and gives them the same weights.

    The weights and buffers are those of the first rank.

    Args:
        ranks: The processes that train together.
        model: The model, in the mode in which it is trained.
        objective: The objective to maximise.
        given: Plain values that must be the same on all ranks, by name.
        batch_size: Number of data in a step, over all ranks.
        adversary: The adversary that the model is trained against.

    Raises:
        ValueError: If a layer or the objective depends on the data of other ranks in a step, or if
            the ranks were given different values.
    """
    if ranks.size == 1:
        return
    players = [part for part in (model, adversary) if isinstance(part, nn.Module)]
    for name, module in (named for part in players for named in part.named_modules()):
        if isinstance(module, _BatchNorm) and module.training:
            raise OnAllRanks(
                f"{name}: {type(module).__name__} would normalise over one process's part of the "
                f"batch instead of the whole batch of all {ranks.size} processes: use a layer "
                "that treats each datum separately (LayerNorm, GroupNorm), or freeze it with "
                "eval()"
            )
    if looks_across_the_batch(objective) and not getattr(objective, "across_ranks", False):
        raise OnAllRanks(
            f"objective: {type(objective).__name__} depends on the whole batch, but each of "
            f"{ranks.size} processes only has a part of it: train it in one process"
        )
    across = objective if looks_across_the_batch(objective) else adversary
    if batch_size < ranks.size and getattr(across, "across_batch", False):
        raise OnAllRanks(
            f"batch_size: {type(across).__name__} depends on the whole batch and needs a datum "
            f"from each process: expected at least {ranks.size}, got {batch_size}"
        )
    everyone = ranks.gather({"batch_size": batch_size, **given})
    for rank, other in enumerate(everyone):
        for name, value in everyone[0].items():
            if other[name] != value:
                raise OnAllRanks(
                    f"{name}: expected the same value on all processes, got {value!r:.60} on "
                    f"process 0 and {other[name]!r:.60} on process {rank}"
                )
    for part in (model, adversary) if adversary is not None else (model,):
        ranks.take_over(list(tensors(part).values()))


def check_alike(training: TrainingState) -> None:
    """Checks that weights and buffers are the same on all ranks, by comparing their sums.

    Raises:
        ValueError: If one differs, which the message names: a layer keeps statistics of the data
            that it sees, or something was changed on one rank only.
    """
    if training.ranks.size == 1:
        return
    held = tensors(training.model)
    if training.player is not None:
        own = tensors(training.player.adversary)
        held = held | {f"adversary.{name}": tensor for name, tensor in own.items()}
    sums = [tensor.detach().double().sum() for tensor in held.values()]
    everyone = training.ranks.gather([value.item() for value in sums])
    for other in everyone[1:]:
        for name, a, b in zip(held, everyone[0], other, strict=True):
            if a != b and not (math.isnan(a) and math.isnan(b)):
                raise OnAllRanks(
                    f"{name!r} is no longer the same on all processes: a layer keeps statistics "
                    "of its process's data, or it was changed on one process only"
                )
