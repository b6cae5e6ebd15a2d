"""Relaxed categorical posterior."""

from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions.relaxed import RelaxedOneHots, check_temperature
from pyrovae.nn.network import Network
from pyrovae.posteriors.base import Posterior, latent_features_of

__all__ = ["RelaxedCategoricalPosterior", "check_variables"]


class RelaxedCategoricalPosterior(Posterior):
    r"""Relaxed one-hot categoricals (concrete, Gumbel-softmax): points inside the simplex.

    .. math:: z = \operatorname{softmax}\left((f(x) + g) / \tau\right), \quad g_k \sim
        \mathrm{Gumbel}

    The draws carry gradients, and the density is that of the relaxed variable. The prior must be
    a density on the simplex too, a `RelaxedCategoricalPrior`. Some replace the KL term by the KL
    divergence between two categoricals, but that does not give a bound for the relaxed model
    (Maddison et al., section C.2). The mean is not known in closed form, so encoding returns the
    average of draws. `TemperedELBO` starts training at a higher temperature.

    Maddison, Mnih and Teh, 2017, The concrete distribution, https://arxiv.org/abs/1611.00712;
    Jang, Gu and Poole, 2017, Categorical reparameterization with Gumbel-softmax,
    https://arxiv.org/abs/1611.01144.

    Args:
        network: Maps a datum to ``latent_features`` logits, one for each category of each
            variable.
        variables: Number of independent variables; the latent features are divided equally
            among them, in order.
        temperature: The temperature :math:`\tau`, from 0.01 to 100: see `RelaxedOneHot`.

    Raises:
        ValueError: If the network's output is not a vector of at least two categories for each
            variable, or the temperature is out of range.
    """

    latent_kind = "simplex"
    mean_known = False
    positive_buffers = ("temperature",)

    def __init__(self, network: Network, *, variables: int = 1, temperature: float = 0.67) -> None:
        super().__init__()
        features = latent_features_of(RelaxedCategoricalPosterior, network)
        check_variables(features, variables)
        check_temperature(temperature)
        self.data_shape = network.in_shape
        self.latent_shape = Size([features])
        self.variables = variables
        self.network = network
        self.temperature: Tensor
        self.register_buffer("temperature", torch.tensor(float(temperature)))

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        return RelaxedOneHots(self.temperature, self.network(x), self.variables)

    @classmethod
    def network_shape(cls, latent_features: int, **options: Any) -> Size:
        """One logit for each category of each variable."""
        return Size([latent_features])


def check_variables(latent_features: int, variables: int) -> None:
    """Checks that the latent features give each variable at least two categories.

    Raises:
        ValueError: If they do not.
    """
    if latent_features < 2:
        raise ValueError(f"latent_features: expected at least 2 categories, got {latent_features}")
    if variables < 1 or latent_features % variables or latent_features < 2 * variables:
        raise ValueError(
            f"variables: expected a divisor of latent_features={latent_features} that leaves at "
            f"least 2 categories for each variable, got {variables}"
        )
