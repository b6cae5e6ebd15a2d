"""The base class of particle objectives that treat the paths of a gradient differently."""

from abc import abstractmethod
from typing import Any, NamedTuple

import torch
from pyro.poutine import Trace
from torch import Tensor

from pyrovae.distributions.unwrap import family
from pyrovae.handlers import DrawLeaves, is_latent, send_back
from pyrovae.objectives.base import Program
from pyrovae.objectives.importance_weighted import ImportanceWeightedELBO

__all__ = ["Coefficients", "LeafObjective"]


class Coefficients(NamedTuple):
    r"""Weights of each particle in the parts of a gradient; they broadcast to ``(K, B)``.

    Attributes:
        model: Of :math:`\nabla_\theta \log p(x, z_k)`, with the latents held fixed.
        density: Of :math:`-\nabla_\phi \log q(z_k \mid x)`, with the latents held fixed.
        path: Of :math:`\nabla_{z_k} \log w_k`, which is sent back through the samples; ``None`` to
            send nothing.
        thinning: Fraction of the gradient of a sample that is removed before it is passed on to
            the guide's parameters. It is proportional to the weight of the site's density, so it
            is smaller where a weight (`BetaELBO`) or a mask reduces that weight. ``None`` to
            remove nothing.
    """

    model: Tensor | float
    density: Tensor | float
    path: Tensor | None
    thinning: Tensor | None = None


class LeafObjective(ImportanceWeightedELBO):
    r"""A bound whose gradient weights the paths through model, density and samples differently.

    Subclasses implement `coefficients` (and `bound`, if it is not the importance-weighted one).
    The guide runs once, under `DrawLeaves`, which replaces each latent by a detached leaf. The
    model runs once, on these leaves. This separates the three parts of the gradient without
    copying parameters, and parameters that prior and posterior share (`VampPrior`) receive the
    right gradient along each path.

    Attributes:
        paths: Whether a gradient is sent back through the samples. If so, each latent must be
            reparameterised.
    """

    paths: bool = True

    @abstractmethod
    def coefficients(self, log_weights: Tensor) -> Coefficients:
        """Returns the coefficients of each particle, from detached log-weights ``(K, B)``."""

    def bound_and_surrogate(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        """The bound and its surrogate, summed over the batch."""
        weights = self.log_weights(model_trace, guide_trace)
        bound = (weights.scale * self.bound(weights.values)).sum()
        if not torch.is_grad_enabled():
            return bound, bound
        model, density, path, thinning = self.coefficients(weights.values.detach())
        surrogate = (weights.scale * (model * weights.model - density * weights.guide)).sum()
        sites = [site for site in guide_trace.nodes.values() if is_latent(site)]
        if path is not None and sites:
            draws = [site["infer"]["draw"] for site in sites]
            gradients = torch.autograd.grad(
                (weights.scale * path * weights.values).sum(),
                [draw.leaf for draw in draws],
                retain_graph=True,
                materialize_grads=True,
            )
            shares = None
            if thinning is not None:
                thinning = thinning.view(*thinning.shape, *[1] * (self.plate_nesting - 1))
                shares = [_share(site, weights.scale, thinning) for site in sites]
            surrogate = surrogate + send_back(draws, list(gradients), shares)
        return bound, surrogate

    def _get_trace(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Trace, Trace]:
        leaves = DrawLeaves(paths=self.paths)
        try:
            return super()._get_trace(model, leaves(guide), args, kwargs)
        except (KeyError, NotImplementedError):
            _refuse_lack_of_inverse(leaves)
            raise


def _share(site: Any, scale: float | Tensor, thinning: Tensor) -> Tensor:
    """Fraction of the gradient at a site that is kept, with its draw's number of dimensions."""
    if isinstance(scale, Tensor):  # data of weight 0 send no gradient back; avoid dividing by 0
        scale = torch.where(scale > 0, scale, 1.0)
    counts = site["scale"] / scale
    if site["mask"] is not None:
        counts = counts * site["mask"]
    share = 1 - counts * thinning
    return share.view(*share.shape, *[1] * len(site["fn"].event_shape))


def _refuse_lack_of_inverse(leaves: DrawLeaves) -> None:
    for name, draw in leaves.draws.items():
        try:
            draw.fn.log_prob(draw.leaf)
        except (KeyError, NotImplementedError):
            raise ValueError(
                f"site {name!r}: its {family(draw.fn)} has a transform without an inverse, so the "
                "density of a given value cannot be computed; use ELBO or "
                "ImportanceWeightedELBO, or a posterior with invertible transforms"
            ) from None
