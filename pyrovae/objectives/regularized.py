"""The objective of regularised deterministic autoencoders."""

from contextlib import nullcontext
from typing import Any

import torch
from pyro.distributions.util import scale_and_mask
from pyro.poutine import Trace
from torch import Tensor

from pyrovae.checks import check_weight
from pyrovae.distributions.unwrap import family
from pyrovae.handlers import data_weight, is_data, is_latent
from pyrovae.objectives.aggregate import check_coordinates
from pyrovae.objectives.base import Objective, Program
from pyrovae.objectives.terms import Term, data_frame, elbo_terms, sum_of_terms
from pyrovae.objectives.twice import twice_differentiable
from pyrovae.objectives.weights import Weight

__all__ = ["RegularizedELBO"]


class RegularizedELBO(Objective):
    r"""The evidence lower bound minus penalties on codes and decoder.

    .. math:: \mathcal{L}(x) - \frac{\kappa}{2} \lVert z \rVert^2 - \lambda \lVert \theta \rVert^2
        - \gamma \left\lVert \frac{\partial \, E[x \mid z]}{\partial z} \right\rVert_F^2

    With an `Autoencoder`, whose bound is its reconstruction :math:`\log p(x \mid f(x))`, this is
    the regularised autoencoder: a penalty keeps the decoder smooth, as the noise does in a VAE.
    :math:`\theta` are the trained parameters of one part. The norm of the Jacobian J is estimated
    without bias from one random direction :math:`v \sim N(0, I)` in the space of the data, by
    :math:`\lVert v^T J \rVert^2`. The paper's third method, spectral normalisation, belongs to the
    network: `pyrovae.nn.SpectralNorm`. Sampling needs a density of the codes, which is fitted
    afterwards, ``fit(Density(prior), autoencoder.encode(x))``.

    The objective is not a bound, and reports call what an autoencoder does not have undefined.

    Ghosh et al., 2020, From variational to deterministic autoencoders,
    https://arxiv.org/abs/1903.12436.

    Args:
        code_weight: The weight :math:`\kappa`, at least 0.
        decoder_weight: The weight :math:`\lambda`, at least 0.
        gradient_weight: The weight :math:`\gamma`, at least 0. At 0 no Jacobian is computed.
        part: The model's attribute whose parameters are penalised.
        num_particles: Number of draws for each datum, for latents that are drawn.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If a weight is negative; at the first call, if latents are angles or points of
            hyperbolic space, whose squares mean nothing, if the model has no trained parameters
            under that name, or if the likelihood's mean has no gradient with respect to the
            latents. The message names the site.
    """

    code_weight = Weight()
    decoder_weight = Weight()

    def __init__(
        self,
        *,
        code_weight: float = 1e-4,
        decoder_weight: float = 1e-7,
        gradient_weight: float = 0.0,
        part: str = "likelihood",
        num_particles: int = 1,
        max_plate_nesting: int = 1,
    ) -> None:
        check_weight("gradient_weight", gradient_weight)
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)
        self.code_weight = code_weight
        self.decoder_weight = decoder_weight
        self.gradient_weight = gradient_weight
        self.part = part

    def loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> float:
        """Returns minus the objective, summed over the batch, as a number."""
        if not self.gradient_weight:
            return super().loss(model, guide, *args, **kwargs)
        with torch.enable_grad():  # for the decoder's Jacobian
            return self.differentiable_loss(model, guide, *args, **kwargs).item()

    def _get_trace(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Trace, Trace]:
        with twice_differentiable() if self.gradient_weight else nullcontext():
            return super()._get_trace(model, guide, args, kwargs)

    def bound_and_surrogate(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        """The objective and its surrogate, summed over the batch and averaged over particles."""
        terms = list(elbo_terms(model_trace, guide_trace))
        latents = [site for site in guide_trace.nodes.values() if is_latent(site)]
        for site in latents:
            check_coordinates(site, "the penalty of code_weight")
            code = -0.5 * self.code_weight * _square(site["value"], site)
            terms.append(_term(site, code))
        if self.gradient_weight and latents:
            terms += self._jacobian(model_trace, latents)
        bound, surrogate = sum_of_terms(terms, guide_trace)
        squares = self._parameters(model_trace)
        observed = next(site for site in model_trace.nodes.values() if is_data(site))
        frame, scale = data_frame(observed, self.plate_nesting)
        weights = data_weight(observed)
        count = frame.size if weights is None else weights.sum()
        penalty = count * scale * self.decoder_weight.to(squares.dtype) * squares
        return bound / self.num_particles - penalty, surrogate / self.num_particles - penalty

    def _parameters(self, model_trace: Trace) -> Tensor:
        named = {
            name.partition("$$$")[2]: site["value"]
            for name, site in model_trace.nodes.items()
            if site["type"] == "param"
        }
        found = [v for name, v in named.items() if f"{name}.".startswith(f"{self.part}.")]
        if not found:
            raise ValueError(
                "part: expected the name of a part of the model that has trainable parameters "
                f"({', '.join(named) or 'there are none'}), got {self.part!r}"
            )
        return torch.stack([value.square().sum() for value in found]).sum()

    def _jacobian(self, model_trace: Trace, latents: list[Any]) -> list[Term]:
        """Returns the penalties on the Jacobian of each data site's mean."""
        terms = []
        values = [site["value"] for site in latents]
        for site in model_trace.nodes.values():
            if not is_data(site):
                continue
            try:
                mean = site["fn"].mean
                direction = torch.randn_like(mean)
                gradients = torch.autograd.grad(
                    (direction * mean).sum(), values, create_graph=True, materialize_grads=True
                )
            except (NotImplementedError, RuntimeError):
                raise ValueError(
                    f"site {site['name']!r}: the mean of {family(site['fn'])} has no gradient "
                    "with respect to the latents, so gradient_weight has nothing to penalise"
                ) from None
            terms += [
                _term(latent, -self.gradient_weight * _square(gradient, latent))
                for latent, gradient in zip(latents, gradients, strict=True)
            ]
        return terms


def _square(value: Tensor, site: Any) -> Tensor:
    """Returns the squared norm of each datum at a latent's site."""
    events = len(site["fn"].event_shape)
    square = value.square()
    return square.flatten(-events).sum(-1) if events else square


def _term(site: Any, value: Tensor) -> Term:
    value = scale_and_mask(value, site["scale"], site["mask"])
    return Term(site["cond_indep_stack"], value, value)
