"""The base class of bounds that compare draws of the aggregate posterior and the prior."""

from abc import abstractmethod

import torch
from pyro.poutine import Trace
from torch import Tensor

from pyrovae.distributions.unwrap import family
from pyrovae.latents import latent_kind
from pyrovae.objectives.aggregate import check_coordinates, only_latent
from pyrovae.objectives.base import Objective
from pyrovae.objectives.terms import elbo_terms, sum_of_terms
from pyrovae.objectives.weights import Weight
from pyrovae.ranks import count, rows

__all__ = ["DistanceObjective"]


class DistanceObjective(Objective):
    r"""Reconstruction minus a distance between draws of the aggregate posterior and the prior.

    .. math:: E_q[\log p(x \mid z)] - \kappa \, KL\left(q(z \mid x) \,\Vert\, p(z)\right)
        - \lambda \, D\left(\{z_i\}, \{z'_i\}\right), \quad z_i \sim q(z \mid x_i),
        \; z'_i \sim p(z)

    with one draw for each datum of the batch, and the same number of draws of the prior.
    Subclasses implement `penalty`, the weighted distance. The KL is in closed form where one is
    known. Angles are compared by their points on the circle, :math:`(\cos z, \sin z)`.

    Args:
        kl_weight: The weight :math:`\kappa`, at least 0.
        num_particles: Number of draws for each datum; the distance is averaged over them.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If a weight is negative; at the first call, if the posterior is not
            reparameterised, if the prior has trainable parameters but draws without gradients (a
            mixture), if latents are points of hyperbolic space, or if there is not exactly one
            latent, inside the data's plate. The message names the site.
    """

    across_batch = True
    across_ranks = True
    kl_weight = Weight()

    def __init__(
        self,
        *,
        kl_weight: float = 0.0,
        num_particles: int = 1,
        max_plate_nesting: int = 1,
    ) -> None:
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)
        self.kl_weight = kl_weight

    @abstractmethod
    def penalty(self, z: Tensor, prior: Tensor) -> Tensor:
        r"""Returns the weighted distance :math:`\lambda D` between two sets of draws.

        Args:
            z: Draws of the aggregate posterior, over all ranks, ``(*particles, B, d)``.
            prior: The same number of draws of the prior, in the same shape.

        Returns:
            The distances, ``(*particles,)``.
        """

    def bound_and_surrogate(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        """The bound and its surrogate, summed over the batch and averaged over particles."""
        p, q, scale = only_latent(
            model_trace,
            guide_trace,
            num_particles=self.num_particles,
            nesting=self.plate_nesting,
        )
        if not q["fn"].has_rsample:
            raise ValueError(
                f"site {q['name']!r}: {family(q['fn'])} is not reparameterised, so the distance "
                "between draws has no gradient"
            )
        check_coordinates(q, "a distance between draws", but="circle")
        z, events = q["value"], len(q["fn"].event_shape)
        if not p["fn"].has_rsample and p["fn"].log_prob(z.detach()).requires_grad:
            raise ValueError(
                f"site {p['name']!r}: the prior's draws ({family(p['fn'])}) are not "
                "differentiable, so the distance would not train its parameters"
            )
        terms = []
        for term in elbo_terms(model_trace, guide_trace, analytic=True):
            if term.latent is None:
                terms.append(term)
            else:  # even if the weight is zero: in a compiled graph it may increase later
                value, differentiable = term.value, term.differentiable
                terms.append(
                    term._replace(
                        value=self.kl_weight * value,
                        differentiable=None
                        if differentiable is None
                        else self.kl_weight * differentiable,
                    )
                )
        bound, surrogate = sum_of_terms(terms, guide_trace)
        draws = [
            value.flatten(-events) if events else value.unsqueeze(-1) for value in (z, p["fn"]())
        ]
        if latent_kind(q["fn"]) == "circle":
            draws = [torch.cat([value.cos(), value.sin()], -1) for value in draws]
        draws = [rows(value, value.dim() - 2) for value in draws]  # of all ranks
        penalty = scale * self.penalty(*draws).mean()
        # Each rank reports the penalty for its own data, and differentiates it for all data.
        own = z.shape[-1 - events]
        return (
            bound / self.num_particles - own * penalty,
            surrogate / self.num_particles - count(own) * penalty,
        )
