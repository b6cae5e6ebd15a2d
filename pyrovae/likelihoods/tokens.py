"""Tokens: integers that stand for the words, characters or events of a sequence."""

from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions import LevelCodes
from pyrovae.distributions.levels import check_levels
from pyrovae.likelihoods.base import Likelihood
from pyrovae.likelihoods.parameters import divide_shape, multiply_shape, parameters_last
from pyrovae.nn.network import Network

__all__ = ["TokensLikelihood"]


class TokensLikelihood(Likelihood):
    r"""Independent tokens, with a separate probability for each token from a network.

    .. math:: p(x \mid z) = \prod_t \operatorname{softmax}(f_t(z))_{x_t}, \quad
        x_t = 0, \dots, V - 1

    The data are token numbers, as integers of any type (8-bit integers are not read as grey levels
    here) or as floats. Networks receive them as floats; convert them with ``x.long()`` for an
    embedding. To train on sequences of different lengths, pad them with any token and give a
    `MissingDataVAE` the mask of the tokens that are present. The mean is the most probable token.
    This is like `CategoricalLikelihood`, but for identifiers instead of grey levels.

    Bowman et al., 2016, Generating sentences from a continuous space,
    https://arxiv.org/abs/1511.06349 (with a decoder that also reads the earlier tokens).

    Args:
        network: Maps a latent to the logits. Its ``out_shape`` is the shape of one datum, except
            that the first dimension is ``tokens`` times as long: the logits of token 0 at all
            positions, then those of token 1, and so on.
        tokens: Number of tokens V.

    Raises:
        ValueError: If there are fewer than 2 tokens, the network does not declare its shapes, or
            its output is not divisible by the number of tokens.
    """

    counts = True
    count: Tensor

    def __init__(self, network: Network, *, tokens: int) -> None:
        super().__init__()
        check_levels(tokens, "tokens")
        self.data_shape = divide_shape(network, tokens, "a logit for each token")
        self.latent_shape = network.in_shape
        self.network = network
        self.event_dim = len(network.out_shape)
        self.tokens = tokens
        self.register_buffer("count", torch.tensor(tokens), persistent=False)

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        logits = parameters_last(self.network(z), self.tokens, self.event_dim)
        return LevelCodes(logits, self.count).to_event(self.event_dim)

    @classmethod
    def network_shape(cls, data_shape: Size, *, tokens: int = 2, **options: Any) -> Size:
        """One logit for each token at each position."""
        return multiply_shape(data_shape, tokens)
