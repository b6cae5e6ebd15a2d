"""Classes that come later: a new batch on a trained model."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from pyrovae.likelihoods.base import Likelihood
from pyrovae.models.conditional import ConditionalVAE
from pyrovae.nn.covariates import Covariates
from pyrovae.nn.network import Network
from pyrovae.nn.widened import Widened
from pyrovae.posteriors.base import Posterior

__all__ = ["add_classes"]


def add_classes(model: ConditionalVAE, n: int = 1, *, covariate: int = 0) -> ConditionalVAE:
    """A trained conditional model with new classes, and all else frozen.

    Of a batch of cells (a camera, a hospital) that comes when the model has been trained: each
    network that reads the condition gets weights from the new classes into its first layer, zeros
    at first, and these are all that training moves. What the model says of the classes that it
    knew stays as it was, to the last bit::

        larger = add_classes(vae)
        fit(larger, new_data)  # whose labels are the new class's number, the last

    Lotfollahi et al., 2022, Mapping single-cell data to reference atlases by transfer learning,
    https://doi.org/10.1038/s41587-021-01001-7.

    Args:
        model: The model, which is left as it is.
        n: How many classes are new.
        covariate: Of which categorical covariate, where the model has `Covariates`.

    Raises:
        ValueError: If the model has neither classes nor categories, a network cannot be widened
            (convolutions, or one with batch normalisation, whose statistics would move), or the
            prior is made of the posterior.
    """
    if type(model) is not ConditionalVAE or not model.levels:
        raise ValueError(
            "model: expected a ConditionalVAE with classes or categories of covariates, got "
            f"{type(model).__name__}"
        )
    if n < 1:
        raise ValueError(f"n: expected at least one new class, got {n}")
    old = copy.deepcopy(model)
    if any(part is old.posterior for part in old.prior.modules()):
        raise ValueError(
            f"prior: expected one that stays as it is, but {type(old.prior).__name__} is made of "
            "the posterior"
        )
    if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in old.modules()):
        raise ValueError("expected networks without batch normalisation, whose statistics move")
    for parameter in old.parameters():
        parameter.requires_grad_(False)
    at, condition = _place(old, n, covariate)
    prior = old.prior
    if isinstance(prior, Posterior):
        prior = _widened(prior, at, n)
    posterior, likelihood = old.posterior, old.likelihood
    data, latents = likelihood.data_shape, posterior.latent_shape
    assert data is not None  # or it could not have been conditioned
    assert latents is not None
    if not old.beside_x.alone:
        posterior = _widened(posterior, data.numel() + at, n)
    if not old.beside_z.alone:
        likelihood = _widened(likelihood, latents.numel() + at, n)
    larger = ConditionalVAE(prior, posterior, likelihood, **condition)
    met = torch.cat([old.met[:at], old.met.new_zeros(n), old.met[at:]])
    larger.met.copy_(met)
    return larger.train(model.training)


def _place(model: ConditionalVAE, n: int, covariate: int) -> tuple[int, dict[str, Any]]:
    """Where the new classes stand in what networks read of a condition, and what conditions are then."""
    if model.covariates is None:
        assert model.classes is not None
        return model.classes, {"classes": model.classes + n}
    sizes = list(model.covariates.categories)
    if not 0 <= covariate < len(sizes):
        raise ValueError(
            f"covariate: expected one of {len(sizes)} categorical ones, from 0, got {covariate}"
        )
    at = sum(sizes[: covariate + 1])
    sizes[covariate] += n
    return at, {"covariates": Covariates(sizes, numbers=model.covariates.numbers)}


def _widened(part: Any, at: int, n: int) -> Any:
    """A part like another one, whose networks read new numbers; the parameters are the other's.

    Args:
        part: A posterior or likelihood.
        at: Before which number of its input the new ones stand.
        n: How many there are.
    """
    read: Any = part.data_shape if isinstance(part, Posterior) else part.latent_shape
    changed: dict[str, Any] = {}
    for name, value in part.init_args.items():
        if isinstance(value, Likelihood):
            changed[name] = _widened(value, at, n)
        elif isinstance(value, Network):
            # A network of the last numbers alone, such as that of dispersions, has them nearer.
            own = at - (read.numel() - value.in_shape.numel())
            if own >= 0:
                changed[name] = Widened(value, at=own, extra=n)
    made = type(part)(**(part.init_args | changed))
    replaced = [id(part.init_args[name]) for name in changed]
    _adopt(made, part, but=replaced)
    return made


def _adopt(made: nn.Module, part: nn.Module, *, but: Sequence[int]) -> None:
    """Puts a part's own parameters and buffers, at any depth, in place of a new one's.

    The very tensors, frozen as they are: what a constructor builds by itself is random, and of the
    default type, and of an argument that was a tensor no values are on record.

    Args:
        made: The new part.
        part: The other one.
        but: The ids of the modules of the other one that have something else in their place.
    """
    if id(part) in but:
        return
    made._parameters |= part._parameters
    made._buffers |= part._buffers
    for name, module in part.named_children():
        _adopt(made.get_submodule(name), module, but=but)
