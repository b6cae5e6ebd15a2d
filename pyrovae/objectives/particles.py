"""The base class of bounds that weight several draws for each datum."""

from abc import abstractmethod
from typing import Any, NamedTuple

import torch
from pyro.distributions.util import is_identically_zero
from pyro.poutine import Trace
from torch import Tensor

from pyrovae.handlers import data_weight, is_subsample, scaled_from_outside, unweighed
from pyrovae.objectives.base import Objective
from pyrovae.objectives.terms import data_frame

__all__ = ["LogWeights", "ParticleObjective", "log_weights", "tempering"]


class LogWeights(NamedTuple):
    r"""Log-weights of each particle for each datum, :math:`\log p(x_b, z_{kb}) / q(z_{kb}|x_b)`.

    Attributes:
        values: ``(K, B)``.
        scores: Sum of the log-probabilities of the draws that are not reparameterised,
            ``(K, B)``; ``None`` if all are reparameterised.
        scale: Weight of each datum: N / B if the data's plate subsamples B of N, otherwise 1. If
            the data have weights, it is multiplied by them, ``(B,)``.
        model: The model's part, :math:`\log p(x_b, z_{kb})`, ``(K, B)``.
        guide: The guide's part, :math:`\log q(z_{kb}|x_b)`, ``(K, B)``.
    """

    values: Tensor
    scores: Tensor | None
    scale: float | Tensor
    model: Tensor
    guide: Tensor


def log_weights(
    model_trace: Trace, guide_trace: Trace, *, num_particles: int = 1, nesting: int = 1
) -> LogWeights:
    """Collects the log-weights from the traces of model and guide.

    The plate's scale N / B and the weights of data are divided out. Inside the logarithm of a mean
    they would temper the importance weights, and the bound could exceed the evidence.

    Args:
        model_trace: Trace of the model, with log-probabilities computed.
        guide_trace: Trace of the guide, with score parts computed.
        num_particles: Size :math:`K` of the particles' dimension, to the left of the plates'.
        nesting: Depth of nested plates; the outermost plate is that of the data.

    Raises:
        ValueError: If a site is outside the data's plate (a global latent): such a program has
            no weight for each datum. The message names the site.
    """
    parts: list[Any] = []
    scores: Any = None
    scale: float | Tensor = 1.0
    inner = tuple(range(-nesting + 1, 0))
    for trace in (model_trace, guide_trace):
        total: Any = 0.0
        for site in trace.nodes.values():
            if site["type"] != "sample":
                continue
            _, plate = data_frame(site, nesting)
            log_prob = unweighed(site) / plate
            if not is_subsample(site):
                weight = data_weight(site)
                scale = plate if weight is None else plate * weight
            total = total + (log_prob.sum(inner) if inner else log_prob)
            if trace is guide_trace and not is_identically_zero(
                site["score_parts"].score_function
            ):
                score = site["score_parts"].score_function
                score = score.sum(inner) if inner else score
                scores = score if scores is None else scores + score
        parts.append(total)
    model, guide = parts
    values = model - guide
    shape = (num_particles, values.shape[-1])
    model, guide, values = (torch.as_tensor(v).expand(shape) for v in (model, guide, values))
    scores = None if scores is None else scores.expand(shape)
    return LogWeights(values, scores, scale, model, guide)


def tempering(model_trace: Trace, guide_trace: Trace) -> str | None:
    """Reports whether a site tempers the importance weights.

    Returns:
        A sentence about the first site whose scale is neither its plates' nor a weight from
        `ScaleLatents`; None if there is no such site.
    """
    for trace in (model_trace, guide_trace):
        for name, site in trace.nodes.items():
            if site["type"] == "sample" and not is_subsample(site) and scaled_from_outside(site):
                return (
                    f"site {name!r}: its log-probability is scaled (pyro.poutine.scale), which "
                    "tempers importance weights, so that they give no bound of log p(x); take "
                    "the scale away, or for a weight on the KL term take ELBO or BetaELBO"
                )
    return None


class ParticleObjective(Objective):
    r"""A bound for each datum, as a function of its :math:`K` log-weights.

    Subclasses implement `bound`. The gradient is that of the bound through reparameterised draws;
    draws that are not reparameterised add the score-function term
    :math:`\sum_k s_k \nabla \log q(z_k \mid x)`, where the learning signal :math:`s_k` is the
    bound itself.
    """

    @abstractmethod
    def bound(self, log_weights: Tensor) -> Tensor:
        """Returns the bound of each datum, ``(B,)``, from log-weights ``(K, B)``."""

    def learning_signals(self, log_weights: Tensor, bound: Tensor) -> Tensor:
        """Returns the factor on each particle's score; it broadcasts to ``(K, B)``."""
        return bound

    def log_weights(self, model_trace: Trace, guide_trace: Trace) -> LogWeights:
        """Returns the log-weights of all particles, from the traces of model and guide.

        Raises:
            ValueError: If there are several particles and a ``pyro.poutine.scale`` tempers their
                weights, or a site is outside the data's plate. The message names the site.
        """
        if self.num_particles > 1:
            reason = tempering(model_trace, guide_trace)
            if reason is not None:
                raise ValueError(reason)
        return log_weights(
            model_trace,
            guide_trace,
            num_particles=self.num_particles,
            nesting=self.plate_nesting,
        )

    def bound_and_surrogate(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        """The bound and its surrogate, summed over the batch."""
        weights = self.log_weights(model_trace, guide_trace)
        bound = self.bound(weights.values)
        surrogate = bound
        if weights.scores is not None:
            signals = self.learning_signals(weights.values.detach(), bound.detach())
            surrogate = bound + (signals * weights.scores).sum(0)
        return (weights.scale * bound).sum(), (weights.scale * surrogate).sum()
