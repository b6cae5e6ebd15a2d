"""The base of the bounds that weigh several draws for each datum."""

from abc import abstractmethod
from typing import Any, NamedTuple

from pyro.distributions.util import is_identically_zero
from pyro.poutine import Trace
from torch import Tensor

from pyrovae.objectives.base import Objective

__all__ = ["LogWeights", "ParticleObjective", "log_weights"]


class LogWeights(NamedTuple):
    r"""Log-weights of each particle for each datum, :math:`\log p(x_b, z_{kb}) / q(z_{kb}|x_b)`.

    Attributes:
        values: ``(K, B)``.
        scores: Sum of the log-probabilities of the draws that are not reparameterised,
            ``(K, B)``, or ``None`` where all are reparameterised.
        scale: By how much the data's plate scales its batch: N / B if it draws B of N, else 1.
    """

    values: Tensor
    scores: Tensor | None
    scale: float


def log_weights(
    model_trace: Trace, guide_trace: Trace, *, num_particles: int = 1, nesting: int = 1
) -> LogWeights:
    """Collects the log-weights from a pair of traces.

    The plate's scale N / B is taken out: inside a logarithm of a mean it would temper the
    weights, and the bound would exceed the evidence.

    Args:
        model_trace: Trace of the model, with log-probabilities computed.
        guide_trace: Trace of the guide, with score parts computed.
        num_particles: Size :math:`K` of the particles' dimension, left of the plates'.
        nesting: Depth of nested plates; the outermost is the data's.

    Raises:
        ValueError: If a site is outside the data's plate (a global latent): such a program has
            no weight for each datum. The site is named.
    """
    values: Any = 0.0
    scores: Any = None
    scale = 1.0
    for trace, sign in ((model_trace, 1), (guide_trace, -1)):
        for name, site in trace.nodes.items():
            if site["type"] != "sample":
                continue
            frame = next((f for f in site["cond_indep_stack"] if f.dim == -nesting), None)
            if frame is None:
                raise ValueError(
                    f"site {name!r} is outside the data's plate (dim {-nesting}), so the "
                    "program has no importance weight for each datum; use ELBO"
                )
            scale = (frame.full_size or frame.size) / frame.size
            inner = tuple(range(-nesting + 1, 0))
            log_prob = site["log_prob"].sum(inner) if inner else site["log_prob"]
            values = values + (sign / scale) * log_prob
            if sign < 0 and not is_identically_zero(site["score_parts"].score_function):
                score = site["score_parts"].score_function
                score = score.sum(inner) if inner else score
                scores = score if scores is None else scores + score
    shape = (num_particles, values.shape[-1])
    return LogWeights(
        values.expand(shape), None if scores is None else scores.expand(shape), scale
    )


class ParticleObjective(Objective):
    r"""A bound for each datum as a function of its :math:`K` log-weights.

    A subclass writes `bound`. The gradient is that of the bound through reparameterised draws;
    draws that are not reparameterised add the score-function term
    :math:`\text{bound} \cdot \nabla \sum_k \log q(z_k \mid x)`.
    """

    @abstractmethod
    def bound(self, log_weights: Tensor) -> Tensor:
        """The bound of each datum, ``(B,)``, from log-weights ``(K, B)``."""

    def bound_and_surrogate(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        """The bound and its surrogate, summed over the batch."""
        several = self.num_particles > 1
        weights = log_weights(
            model_trace,
            guide_trace,
            num_particles=self.num_particles,
            nesting=self.max_plate_nesting - several,
        )
        bound = self.bound(weights.values)
        surrogate = bound
        if weights.scores is not None:
            surrogate = bound + bound.detach() * weights.scores.sum(0)
        return weights.scale * bound.sum(), weights.scale * surrogate.sum()
