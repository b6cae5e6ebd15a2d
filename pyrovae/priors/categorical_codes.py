"""Independent prior over the codes of a codebook."""

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from pyrovae.distributions.codes import Codes
from pyrovae.distributions.special import normalized
from pyrovae.posteriors.base import Posterior
from pyrovae.posteriors.quantized import QuantizedPosterior
from pyrovae.priors.base import Prior

__all__ = ["CategoricalCodePrior", "codebook_of"]


class CategoricalCodePrior(Prior):
    r"""A prior over codes of a VQ-VAE that are independent, each with its own probabilities.

    .. math:: p(z) = \prod_i \pi_{i k_i}, \qquad z_i = e_{k_i}

    The gradient only reaches the probabilities, so the prior can be trained together with the
    model or after it (`Density`).

    van den Oord, Vinyals and Kavukcuoglu, 2017, https://arxiv.org/abs/1711.00937; its first stage
    has equal probabilities.

    Args:
        posterior: The posterior that owns the codebook.
        learned: Whether the probabilities are trained; they start equal.

    Raises:
        ValueError: If the posterior has no codebook.
    """

    latent_kind = "code"

    def __init__(self, posterior: Posterior, *, learned: bool = True) -> None:
        super().__init__()
        self.posterior = codebook_of(posterior)
        self.latent_shape = self.posterior.latent_shape
        self.logits: Tensor
        logits = torch.zeros(*self.posterior.code_shape, self.posterior.codebook.codes)
        if learned:
            self.register_parameter("logits", nn.Parameter(logits))
        else:
            self.register_buffer("logits", logits)

    def forward(self) -> Distribution:
        """Returns the distribution of latents that consist of codes."""
        indices = dist.Categorical(logits=normalized(self.logits)).to_event(self.logits.dim() - 1)
        return Codes(indices, self.posterior.codebook())


def codebook_of(posterior: Posterior) -> QuantizedPosterior:
    """Checks that a posterior has a codebook and returns the posterior.

    Raises:
        ValueError: If it has none.
    """
    if not isinstance(posterior, QuantizedPosterior):
        raise ValueError(
            "posterior: expected a QuantizedPosterior, whose codebook the prior uses, got "
            f"{type(posterior).__name__}"
        )
    return posterior
