"""Categorical likelihood."""

from typing import Any

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions import LevelCategorical
from pyrovae.distributions.levels import check_levels
from pyrovae.likelihoods.base import Likelihood
from pyrovae.likelihoods.parameters import divide_shape, multiply_shape, parameters_last
from pyrovae.nn.network import Network

__all__ = ["CategoricalLikelihood"]


class CategoricalLikelihood(Likelihood):
    r"""Independent grey levels, with a separate probability for each level from a network.

    .. math:: p(x \mid z) = \prod_d \operatorname{softmax}(f_d(z))_{k_d}, \quad
        x_d = \frac{k_d}{L - 1}, \quad k_d = 0, \dots, L - 1

    The data are grey levels in [0, 1] on that grid, such as 8-bit pixels divided by 255 (L = 256)
    or the embedded digits (L = 17); other values are refused. The mean is the expected level.
    The model does not know that neighbouring levels are similar. `DiscretizedLogisticLikelihood`
    does, and needs two parameters per variable instead of L.

    van den Oord, Kalchbrenner and Kavukcuoglu, 2016, Pixel recurrent neural networks,
    https://arxiv.org/abs/1601.06759.

    Args:
        network: Maps a latent to the logits. Its ``out_shape`` is the shape of one datum, except
            that the first dimension is ``categories`` times as long: the logits of level 0 of all
            variables, then those of level 1, and so on.
        categories: Number of grey levels L.

    Raises:
        ValueError: If there are fewer than 2 categories, the network does not declare its shapes,
            or its output is not divisible by the number of categories.
    """

    def __init__(self, network: Network, *, categories: int = 256) -> None:
        super().__init__()
        check_levels(categories, "categories")
        self.data_shape = divide_shape(network, categories, "a logit for each category")
        self.latent_shape = network.in_shape
        self.network = network
        self.event_dim = len(network.out_shape)
        self.categories = categories

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        logits = parameters_last(self.network(z), self.categories, self.event_dim)
        return LevelCategorical(logits).to_event(self.event_dim)

    @classmethod
    def network_shape(cls, data_shape: Size, *, categories: int = 256, **options: Any) -> Size:
        """One logit for each category of each variable."""
        return multiply_shape(data_shape, categories)
