"""Wiring: from class names, their own arguments and the data to a model."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import Size, Tensor

from pyrovae.component import import_class
from pyrovae.models import LatentVariableModel
from pyrovae.nn.network import Shape, as_size

__all__ = ["build", "parts_of"]

Spec = Mapping[str, Any]

USUAL: Spec = {"class_path": "pyrovae.models.VAE"}


def parts_of(model: Spec | None) -> set[str]:
    """Which specifications a model's class is made from, by the names of its arguments.

    The network of data may be the posterior's, or the model's own.
    """
    named = set(_parameters(_load(model or USUAL)))
    parts = named & {"prior", "posterior"} | {"likelihood", "decoder"}
    return parts | ({"encoder"} if named & {"posterior", "encoder", "network"} else set())


def build(
    data_shape: Shape,
    latent_features: int,
    *,
    model: Spec | None = None,
    prior: Spec | None = None,
    posterior: Spec | None = None,
    likelihood: Spec,
    encoder: Spec | None = None,
    decoder: Spec,
    pseudo_inputs: Callable[[], Tensor] | None = None,
) -> LatentVariableModel:
    """Makes a model from specifications ``{"class_path": ..., "init_args": {...}}``.

    What only the data or the other parts know (shapes, networks, the posterior, pseudo-inputs)
    is passed to each class whose signature names it; the rest is the specification's. The model
    gets the parts that its signature names: ``prior``, ``posterior``, ``likelihood``, and as
    ``encoder`` or ``network`` one from data to the latents themselves.

    Args:
        data_shape: Shape of one datum.
        latent_features: Number of latent variables.
        model: Class and arguments of the model; `VAE` if left out.
        prior: Class and arguments of the prior, of a model that has one.
        posterior: Class and arguments of the posterior, likewise.
        likelihood: Class and arguments of the likelihood.
        encoder: Class and arguments of the network of data, likewise.
        decoder: Class and arguments of the likelihood's network.
        pseudo_inputs: Gives training data, ``(n, *data_shape)``, to a prior that begins from
            some or, as exemplars, keeps some; it is called for no other.

    Raises:
        ValueError: If a class cannot be made from its arguments, or lacks a part.
    """
    shape = as_size(data_shape, "data_shape")
    latent = as_size(latent_features, "latent_features")
    known: dict[str, Any] = {"latent_features": latent_features, "data_shape": shape}
    given = {"prior": prior, "posterior": posterior, "encoder": encoder}
    wanted = parts_of(model)
    for name in sorted(wanted & set(given)):
        if given[name] is None:
            raise ValueError(f"{name}: expected one for the model, got none")
    parts: dict[str, Any] = {}

    def network(spec: Any, owner: Spec, in_shape: Size, size: Any) -> Any:
        out_shape = _load(owner).network_shape(size, **owner.get("init_args", {}))
        return _make(spec, {"in_shape": in_shape, "out_shape": out_shape})

    if posterior is not None and "posterior" in wanted:
        encoding = network(encoder, posterior, shape, latent_features)
        parts["posterior"] = known["posterior"] = _make(posterior, {**known, "network": encoding})
    elif encoder is not None and "encoder" in wanted:
        encoding = _make(encoder, {"in_shape": shape, "out_shape": latent})
        parts["encoder"] = parts["network"] = encoding
    decoding = network(decoder, likelihood, latent, shape)
    parts["likelihood"] = _make(likelihood, {**known, "network": decoding})
    if pseudo_inputs is not None:
        known["pseudo_inputs"] = known["exemplars"] = pseudo_inputs
    if prior is not None and "prior" in wanted:
        parts["prior"] = _make(prior, known)
    return _make(model or USUAL, parts)


def _load(spec: Spec) -> Any:
    return import_class(spec["class_path"])


def _make(spec: Spec, known: dict[str, Any]) -> Any:
    cls = _load(spec)
    parameters = _parameters(cls)
    arguments = {name: value for name, value in known.items() if name in parameters}
    for name in {"pseudo_inputs", "exemplars"} & set(arguments):
        arguments[name] = arguments[name]()
    for name, value in spec.get("init_args", {}).items():
        nested = isinstance(value, Mapping) and "class_path" in value
        arguments[name] = _make(value, known) if nested else value
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and name not in arguments
    ]
    if missing:
        raise ValueError(f"{cls.__name__}: expected a value for {', '.join(missing)}")
    return cls(**arguments)


def _parameters(cls: type) -> dict[str, inspect.Parameter]:
    """A constructor's parameters by name, those that it passes on to its base's included."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        for parameter in parameters:
            if parameter.kind in named:
                found.setdefault(parameter.name, parameter)
        if not any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters):
            break
    return found
