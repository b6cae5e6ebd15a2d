"""An objective for codes that are individually certain and collectively all used."""

from typing import Any

import torch
from pyro.poutine import Trace
from torch import Tensor

from pyrovae.distributions.codes import split
from pyrovae.objectives.aggregate import only_latent
from pyrovae.objectives.vector_quantized import VectorQuantizedELBO
from pyrovae.objectives.weights import Weight
from pyrovae.ranks import count, total

__all__ = ["EntropyQuantizedELBO"]


class EntropyQuantizedELBO(VectorQuantizedELBO):
    r"""`VectorQuantizedELBO` minus the entropy of each choice of code plus that of their average.

    .. math:: \text{VectorQuantizedELBO} - \lambda \sum_i \left(
        E_x[H(\pi_i(x))] - \gamma \, H(\bar\pi) \right), \qquad
        \pi_{ik}(x) \propto e^{-\tau \lVert f_i(x) - e_k \rVert^2}

    The sum is over a datum's vectors, and :math:`\bar\pi` is the mean over all vectors of all data
    in the batch. The first entropy is small if each output is close to a single code, the second
    large if all codes are used. The penalty was proposed for a `LookupFreeCodebook`, whose codes
    cannot move towards the outputs, and works with any codebook. It only applies in training:
    reports give the bound. It needs the probabilities of all codes for each vector, so its memory
    grows with the number of codes.

    Yu et al., 2023, Language model beats diffusion: tokenizer is key to visual generation,
    https://arxiv.org/abs/2310.05737 (equation 3).

    Args:
        entropy: The weight :math:`\lambda`, at least 0.
        diversity: The weight :math:`\gamma`, at least 0.
        sharpness: The factor :math:`\tau`, at least 0.
        commitment: The weight on the distance between the output and its code, at least 0.
        num_particles: Number of draws for each datum, for other latents that are drawn.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If a weight is negative; at the first call, if the latent has no codebook, there
            are several latents, or data have weights or masks.
    """

    across_batch = True
    across_ranks = True
    entropy = Weight()
    diversity = Weight()
    sharpness = Weight()

    def __init__(
        self,
        *,
        entropy: float = 0.1,
        diversity: float = 1.0,
        sharpness: float = 1.0,
        commitment: float = 0.25,
        num_particles: int = 1,
        max_plate_nesting: int = 1,
    ) -> None:
        super().__init__(
            commitment=commitment,
            num_particles=num_particles,
            max_plate_nesting=max_plate_nesting,
        )
        self.entropy = entropy
        self.diversity = diversity
        self.sharpness = sharpness

    def bound_and_surrogate(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        """The bound minus distances and entropies, summed over the batch."""
        bound, surrogate = super().bound_and_surrogate(model_trace, guide_trace)
        _, q, scale = only_latent(
            model_trace,
            guide_trace,
            num_particles=self.num_particles,
            nesting=self.plate_nesting,
        )
        batch = q["fn"].batch_shape[-1]
        entropies = self._entropies(q["fn"])
        penalty = self.entropy.to(entropies.dtype) * entropies
        # Each rank reports the penalty for its own data, and differentiates it for all data.
        return bound - scale * batch * penalty, surrogate - scale * count(batch) * penalty

    def _entropies(self, fn: Any) -> Tensor:
        """Returns the difference of the entropies for one datum, averaged over the batch."""
        book, events = fn.codebook, fn.event_dim
        target = split(fn.target, book.code_features, events)
        distances = book.distances(target, events)
        found = []
        for stage in book.by_stage(distances, events + 1):
            logits = -self.sharpness * stage.flatten(-events - 1, -2)  # (..., B, positions, codes)
            log_p = logits.log_softmax(-1)
            p, places, data = log_p.exp(), logits.shape[-2], count(logits.shape[-3])
            each = total(-(p * log_p).sum((-3, -2, -1))) / data
            mean = total(p.sum((-3, -2))) / (data * places)
            # The clamp gives probabilities that round to 0 an entropy of 0 and a finite gradient.
            log_mean = mean.clamp(min=torch.finfo(mean.dtype).tiny).log()
            diversity = self.diversity.to(mean.dtype) * places
            found.append(each + diversity * (mean * log_mean).sum(-1))
        return torch.stack(found).sum(0).mean()
