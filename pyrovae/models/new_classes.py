"""New classes for a trained conditional model."""

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
    """Adds new classes to a trained conditional model and freezes everything else.

    This is for data from a new source (a batch of cells, a camera, a hospital) that arrives after
    training. The first layer of each network that reads the condition gets weights for the new
    classes, initially zero, and only these are trained. For the known classes, the model's output
    stays the same to the last bit::

        larger = add_classes(vae)
        fit(larger, new_data)  # whose labels are the number of the new class, the last one

    Lotfollahi et al., 2022, Mapping single-cell data to reference atlases by transfer learning,
    https://doi.org/10.1038/s41587-021-01001-7.

    Args:
        model: The model, which is not changed.
        n: Number of new classes.
        covariate: Index of the categorical covariate to extend, if the model has `Covariates`.

    Raises:
        ValueError: If the model has neither classes nor categories, if a network cannot be widened
            (convolutions, or batch normalisation, whose statistics would change), or if the prior
            is made of the posterior.
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
            "prior: expected one that is independent of the posterior, but "
            f"{type(old.prior).__name__} is built from it"
        )
    if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in old.modules()):
        raise ValueError(
            "expected networks without batch normalisation, because training the new classes "
            "would update its statistics"
        )
    for parameter in old.parameters():
        parameter.requires_grad_(False)
    at, condition = _place(old, n, covariate)
    prior = old.prior
    if isinstance(prior, Posterior):
        prior = _widened(prior, at, n)
    posterior, likelihood = old.posterior, old.likelihood
    data, latents = likelihood.data_shape, posterior.latent_shape
    assert data is not None  # otherwise the condition could not have been joined
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
    """Returns the position of the new classes in an encoded condition, and the new condition."""
    if model.covariates is None:
        assert model.classes is not None
        return model.classes, {"classes": model.classes + n}
    sizes = list(model.covariates.categories)
    if not 0 <= covariate < len(sizes):
        raise ValueError(
            f"covariate: expected the index of one of {len(sizes)} categorical covariates, "
            f"starting at 0, got {covariate}"
        )
    at = sum(sizes[: covariate + 1])
    sizes[covariate] += n
    return at, {"covariates": Covariates(sizes, numbers=model.covariates.numbers)}


def _widened(part: Any, at: int, n: int) -> Any:
    """Copies a part with networks that read new inputs; the parameters stay those of the original.

    Args:
        part: A posterior or likelihood.
        at: Position in its input before which the new numbers are inserted.
        n: Number of new inputs.
    """
    read: Any = part.data_shape if isinstance(part, Posterior) else part.latent_shape
    changed: dict[str, Any] = {}
    for name, value in part.init_args.items():
        if isinstance(value, Likelihood):
            changed[name] = _widened(value, at, n)
        elif isinstance(value, Network):
            # A network that only reads the last numbers, as for dispersions, has them earlier.
            own = at - (read.numel() - value.in_shape.numel())
            if own >= 0:
                changed[name] = Widened(value, at=own, extra=n)
    made = type(part)(**(part.init_args | changed))
    replaced = [id(part.init_args[name]) for name in changed]
    _adopt(made, part, but=replaced)
    return made


def _adopt(made: nn.Module, part: nn.Module, *, but: Sequence[int]) -> None:
    """Replaces the parameters and buffers of a new part by those of the original, at any depth.

    The tensors themselves are reused, still frozen. A constructor would initialise them at random
    and in the default type, and arguments that were tensors have no recorded values.

    Args:
        made: The new part.
        part: The original.
        but: Ids of the original's modules that were replaced by other modules.
    """
    if id(part) in but:
        return
    made._parameters |= part._parameters
    made._buffers |= part._buffers
    for name, module in part.named_children():
        _adopt(made.get_submodule(name), module, but=but)
