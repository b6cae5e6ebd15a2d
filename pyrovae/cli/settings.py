"""The options of a run, settled: every class named, with every argument that it has."""

import inspect
import warnings
from collections.abc import Callable, Collection
from math import ceil, floor, inf
from pathlib import Path
from typing import Any

import torch
from torch import Size

from pyrovae.build import parts_of
from pyrovae.cli.classes import complete
from pyrovae.cli.commands.train import GROUPS
from pyrovae.cli.options import InSlot
from pyrovae.cli.runs import STORED
from pyrovae.datasets.load import NAMES
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.specifications import (
    SLOTS,
    Slot,
    Spec,
    arguments_of,
    check_spec,
    find_class,
    instantiate,
    nested_slot,
    parameters_of,
)
from pyrovae.training import WeightAverage, fit

__all__ = [
    "FIT_OPTIONS",
    "MODEL_OPTIONS",
    "asked",
    "choose_binarization",
    "know_data",
    "make_adversary",
    "settle",
]

#: The options that say which model.
MODEL_OPTIONS = tuple(GROUPS["Model"].removeprefix("latent_features ").split())
#: The options that training takes as they are.
FIT_OPTIONS = tuple(
    name
    for name in inspect.signature(fit).parameters
    if name in STORED and name not in ("model", "data")
)
MOST_MOVES = 100_000  # a second's work
#: Those of them that are made from a class that is named.
MADE = ("objective", "beta", "optimizer", "adversary_optimizer", "scheduler")
#: The options of an adversary, where there is one.
OF_ADVERSARY = ("discriminator", "adversary_optimizer")


def settle(options: dict[str, Any], *, allow: Collection[str]) -> dict[str, Any]:
    """The options as a run keeps them: plain values, and specifications with all arguments.

    Raises:
        ValueError: If a part is given to a model that has none of its kind.
    """
    settings = {name: options[name] for name in STORED}
    slots = {n: m for n, p in STORED.items() if (m := p.marker(InSlot)) is not None}
    model = settings["model"] or slots["model"].usual
    has = {"model"} | parts_of(model, allow=allow)
    for name, marker in slots.items():
        alone = name in OF_ADVERSARY and settings["adversary"] is None
        lacks = alone or (name in MODEL_OPTIONS and name not in has)
        if lacks and settings[name] is not None:
            who = "there is no adversary" if alone else "the model has none"
            raise ValueError(f"--{name}: {who}, so omit --{name}")
        spec = settings[name] or (None if lacks else marker.usual)
        if isinstance(spec, dict):
            spec = complete(spec, SLOTS[marker.slot], allow=allow)
        settings[name] = settings[name] if spec is None else spec
    return settings


def choose_binarization(settings: dict[str, Any], *, allow: Collection[str]) -> None:
    """Puts a protocol in the place of "auto": what the likelihood is a density of.

    A Bernoulli likelihood has no density of grey levels, only a cross-entropy: images are binarized
    anew each time that they are drawn. Numbers of other data are left as they are.
    """
    if settings["binarization"] != "auto":
        return
    data, spec = settings["data"], settings["likelihood"]
    images = data in NAMES or Path(data).expanduser().is_dir()
    bits = spec is not None and _is_of_bits(spec, SLOTS["likelihood"], allow)
    settings["binarization"] = "dynamic" if images and bits else "none"


def _is_of_bits(spec: Spec, slot: Slot, allow: Collection[str]) -> bool:
    """Whether a likelihood, or one that it is made of, is a Bernoulli."""
    cls = find_class(spec["class_path"], slot, allow=allow)
    inner = {name: nested_slot(p.annotation) for name, p in parameters_of(cls).items()}
    return issubclass(cls, BernoulliLikelihood) or any(
        place.base() is slot.base() and _is_of_bits(value, place, allow)
        for name, value in arguments_of(spec).items()
        if isinstance(value, dict) and (place := inner.get(name)) is not None
    )


def know_data(objective: Any, size: int) -> None:
    """Tells an objective, or one within it, the number of training data, which it may ask for."""
    if not isinstance(objective, dict):
        return
    arguments = objective["init_args"]
    for name, value in arguments.items():
        if name == "data_size" and value is None:
            arguments[name] = size
        know_data(value if isinstance(value, dict) and "class_path" in value else None, size)


def asked(settings: dict[str, Any], size: int, *, allow: Collection[str]) -> dict[str, Any]:
    """The arguments of training, what classes they name being made.

    Args:
        settings: The options of the run.
        size: Number of training data.
        allow: Packages whose classes they may name.

    Raises:
        ValueError: If one cannot be made, or a scheduler does not last as long as training.
    """
    arguments = dict(settings)
    for name in MADE:
        if isinstance(settings[name], dict):
            arguments[name] = instantiate(settings[name], SLOTS[name], allow=allow)
    if arguments["optimizer"] is None:
        raise ValueError("optimizer: expected an optimizer, got none")
    if settings["average"] is not None:
        arguments["average"] = WeightAverage(settings["average"])
    if arguments["scheduler"] is None:
        if settings["scheduler_moves"] != "epoch":
            raise ValueError("scheduler_moves: expected none without a scheduler")
    else:
        for name, value in settings["scheduler"]["init_args"].items():
            if isinstance(value, int) and value < 0 and name != "last_epoch":
                raise ValueError(f"scheduler: {name}: expected at least 0, got {value}")
        steps = size / settings["batch_size"]
        each = floor(steps) if settings["drop_last"] else ceil(steps)
        moves = settings["epochs"] * (each if settings["scheduler_moves"] == "step" else 1)
        _rehearse(arguments["optimizer"], arguments["scheduler"], moves)
    return arguments


def make_adversary(
    settings: dict[str, Any], model: Any, data_shape: Size, *, allow: Collection[str]
) -> Any:
    """The adversary that the options name, with its network; None where they name none.

    Raises:
        ValueError: If one cannot be made, or the model has not one latent of a known shape.
    """
    spec, slot = settings["adversary"], SLOTS["adversary"]
    if spec is None:
        return None
    cls: Any = check_spec(spec, slot, allow=allow)
    latent_shape = model.latent_shape
    if latent_shape is None:
        raise ValueError(
            f"adversary: expected a model with one latent, got {type(model).__name__}"
        )
    in_shape, out_shape = cls.network_shapes(latent_shape, data_shape)
    network = instantiate(
        settings["discriminator"],
        SLOTS["discriminator"],
        allow=allow,
        known={"in_shape": in_shape, "out_shape": out_shape},
    )
    return instantiate(spec, slot, allow=allow, known={"network": network})


def _rehearse(optimizer: Callable[..., Any], scheduler: Callable[..., Any], moves: int) -> None:
    """Moves a scheduler as often as training will: what it refuses is found before the work."""
    optim = optimizer([torch.nn.Parameter(torch.zeros(1))])
    try:
        trial = scheduler(optim)
        optim.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for move in range(1, min(moves, MOST_MOVES) + 1):
                if isinstance(trial, torch.optim.lr_scheduler.ReduceLROnPlateau):
                    trial.step(0.0)
                else:
                    trial.step()
                rate = float(optim.param_groups[0]["lr"])
                if not 0 <= rate < inf:
                    raise ValueError(f"the learning rate becomes {rate:g} at move {move}")
    except (ValueError, ArithmeticError, TypeError, LookupError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"scheduler: it fails within {moves} moves: {reason}") from None
