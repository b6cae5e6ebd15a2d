"""Wiring: from class names, their own arguments and the data to a model."""

import inspect
from collections.abc import Mapping
from typing import Any

from torch import Size, Tensor

from pyrovae.component import import_class
from pyrovae.models import VAE
from pyrovae.nn.network import Shape, as_size

__all__ = ["build"]

Spec = Mapping[str, Any]


def build(
    data_shape: Shape,
    latent_features: int,
    *,
    prior: Spec,
    posterior: Spec,
    likelihood: Spec,
    encoder: Spec,
    decoder: Spec,
    pseudo_inputs: Tensor | None = None,
) -> VAE:
    """Makes a VAE from specifications ``{"class_path": ..., "init_args": {...}}``.

    What only the data or the other parts know (shapes, networks, the posterior, pseudo-inputs)
    is passed to each class whose signature names it; the rest is the specification's.

    Args:
        data_shape: Shape of one datum.
        latent_features: Number of latent variables.
        prior: Class and arguments of the prior.
        posterior: Class and arguments of the posterior.
        likelihood: Class and arguments of the likelihood.
        encoder: Class and arguments of the posterior's network.
        decoder: Class and arguments of the likelihood's network.
        pseudo_inputs: Training data, ``(n, *data_shape)``, for priors that begin from some
            or, as exemplars, keep some.

    Raises:
        ValueError: If a class cannot be made from its arguments.
    """
    shape = as_size(data_shape, "data_shape")
    latent = as_size(latent_features, "latent_features")
    known: dict[str, Any] = {"latent_features": latent_features, "data_shape": shape}

    def network(spec: Spec, owner: Spec, in_shape: Size, size: Any) -> Any:
        out_shape = _load(owner).network_shape(size, **owner.get("init_args", {}))
        return _make(spec, {"in_shape": in_shape, "out_shape": out_shape})

    encoding = network(encoder, posterior, shape, latent_features)
    known["posterior"] = _make(posterior, {**known, "network": encoding})
    decoding = network(decoder, likelihood, latent, shape)
    if pseudo_inputs is not None:
        known["pseudo_inputs"] = known["exemplars"] = pseudo_inputs
    return VAE(
        _make(prior, known),
        known["posterior"],
        _make(likelihood, {**known, "network": decoding}),
    )


def _load(spec: Spec) -> Any:
    return import_class(spec["class_path"])


def _make(spec: Spec, known: dict[str, Any]) -> Any:
    cls = _load(spec)
    names = inspect.signature(cls).parameters
    arguments = {name: value for name, value in known.items() if name in names}
    arguments |= spec.get("init_args", {})
    missing = [
        name
        for name, parameter in names.items()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and name not in arguments
    ]
    if missing:
        raise ValueError(f"{cls.__name__}: expected a value for {', '.join(missing)}")
    return cls(**arguments)
