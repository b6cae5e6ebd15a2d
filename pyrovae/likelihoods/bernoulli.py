"""Bernoulli likelihood."""

from typing import Any

import torch
from torch import Tensor

from pyrovae.distributions import GreyBernoulli
from pyrovae.likelihoods.one_parameter import OneParameterLikelihood
from pyrovae.nn.initial import set_output_bias

__all__ = ["BernoulliLikelihood"]


class BernoulliLikelihood(OneParameterLikelihood):
    r"""Independent binary variables whose logits come from a network.

    .. math:: \log p(x \mid z) = \sum_d x_d \log \mu_d + (1 - x_d) \log (1 - \mu_d),
        \quad \mu = \operatorname{sigmoid}(f(z))

    Values between 0 and 1 are accepted, as is common for grey images. The result is then a
    cross-entropy and not a log-likelihood, and reports say so.

    Kingma and Welling, 2014, Auto-encoding variational Bayes, https://arxiv.org/abs/1312.6114.

    Args:
        network: Maps a latent to the logits; its ``out_shape`` is the shape of one datum.

    Raises:
        ValueError: If the network does not declare its shapes.
    """

    def variables(self, parameters: Tensor) -> Any:
        """Returns the distribution of the variables, given the network's output."""
        return GreyBernoulli(logits=parameters)

    @torch.no_grad()
    def begin_at_mean(self, x: Tensor) -> None:
        r"""Sets the bias of the network's last layer so that training starts at the data's mean.

        .. math:: b_d = \operatorname{logit}(\bar x_d), \quad \bar x_d \text{ within } [0.001, 0.999]

        A network that ends in a convolution has one bias per channel for all positions; it is set
        to the mean over the positions. The method follows Burda, Grosse and Salakhutdinov, 2016,
        Importance weighted autoencoders, https://arxiv.org/abs/1509.00519.

        Args:
            x: Training data, ``(n, *data_shape)``.

        Raises:
            ValueError: If ``x`` has another shape, or the last layer has no bias.
        """
        if x.shape[1:] != self.data_shape or not len(x):
            raise ValueError(
                f"x: expected data of shape (n, {', '.join(map(str, self.data_shape or ()))}), "
                f"got {tuple(x.shape)}"
            )
        set_output_bias(self.network, x.mean(0).clamp(0.001, 0.999).logit())
