"""Autoregressive prior of a codebook's codes."""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from pyrovae.distributions import AutoregressiveCodes, Codes
from pyrovae.posteriors.base import Posterior
from pyrovae.priors.base import Prior
from pyrovae.priors.categorical_codes import codebook_of

__all__ = ["AutoregressiveCodePrior"]


class AutoregressiveCodePrior(Prior):
    r"""Codes of a VQ-VAE one after another, row by row, each given all before it.

    .. math:: p(z) = \prod_i \operatorname{softmax}(f(k_1, \dots, k_{i-1}))_{k_i},
        \qquad z_i = e_{k_i}

    The network is a gated recurrent unit, which reads the code before and the place it is at.
    Its gradient reaches no other part of the model, so that it may be trained beside the model
    or, for less, after it (`Density`).

    van den Oord, Vinyals and Kavukcuoglu, 2017, https://arxiv.org/abs/1711.00937 (with a
    PixelCNN); Cho et al., 2014, Learning phrase representations using RNN encoder-decoder,
    https://arxiv.org/abs/1406.1078 (the unit).

    Args:
        posterior: The posterior whose codebook it is.
        hidden: Units of the network.

    Raises:
        ValueError: If the posterior has no codebook, or there are no units.
    """

    latent_kind = "code"

    def __init__(self, posterior: Posterior, *, hidden: int = 128) -> None:
        super().__init__()
        if hidden < 1:
            raise ValueError(f"hidden: expected at least 1 unit, got {hidden}")
        self.posterior = codebook_of(posterior)
        self.latent_shape = self.posterior.latent_shape
        codes, positions = self.posterior.codebook.codes, self.posterior.code_shape.numel()
        self.network = _Recurrent(codes, positions, hidden)

    def forward(self) -> Distribution:
        """Returns the distribution of latents made of codes."""
        indices = AutoregressiveCodes(self.network, self.posterior.code_shape)
        return Codes(indices, self.posterior.codebook())


class _Recurrent(nn.Module):
    """Logits of each code from those before it."""

    def __init__(self, codes: int, positions: int, hidden: int) -> None:
        super().__init__()
        self.codes = nn.Embedding(codes, hidden)
        self.places = nn.Parameter(0.1 * torch.randn(positions, hidden))
        self.unit = nn.GRU(hidden, hidden, batch_first=True)
        self.logits = nn.Linear(hidden, codes)

    def forward(self, k: Tensor) -> Tensor:
        """Maps integers ``(n, positions)`` to logits ``(n, positions, codes)``."""
        before = nn.functional.pad(self.codes(k[:, :-1]), (0, 0, 1, 0))
        states, _ = self.unit(before + self.places)
        return self.logits(states)
