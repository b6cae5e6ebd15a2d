"""Multinomial likelihood."""

from typing import Any

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions import CountsGivenTotal
from pyrovae.likelihoods.base import Likelihood
from pyrovae.nn.network import Network

__all__ = ["MultinomialLikelihood"]


class MultinomialLikelihood(Likelihood):
    r"""Counts of categories (words, items, genes), given each datum's total.

    .. math:: \log p\Big(x \,\Big|\, z, n = \sum_v x_v\Big) = \log \frac{n!}{\prod_v x_v!}
        + \sum_v x_v \log \operatorname{softmax}(f(z))_v

    The total n is taken from the datum whose density is evaluated, so data with different totals
    can be trained together. The model does not describe the totals, and every bound is conditional
    on them. Generated data have the total ``total_count``; with the default of 1, the mean of a
    datum is the vector of category probabilities. The data are whole numbers of at least 0; see
    `PoissonLikelihood` for their types.

    Liang, Krishnan, Hoffman and Jebara, 2018, Variational autoencoders for collaborative
    filtering, https://arxiv.org/abs/1802.05814.

    Args:
        network: Maps a latent to the logits; its ``out_shape`` is the shape of one datum. All
            variables of a datum are the categories, whatever its shape.
        total_count: Total of generated counts, and of the counts that the mean refers to. The
            density does not depend on it.

    Raises:
        ValueError: If the total is negative, or the network does not declare its shapes.
    """

    counts = True

    def __init__(self, network: Network, *, total_count: int = 1) -> None:
        super().__init__()
        if total_count < 0:
            raise ValueError(f"total_count: expected at least 0, got {total_count}")
        self.latent_shape = network.in_shape
        self.data_shape = network.out_shape
        self.network = network
        self.event_dim = len(network.out_shape)
        self.total_count = total_count

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        return CountsGivenTotal(
            self.network(z), total_count=self.total_count, event_dim=self.event_dim
        )

    @classmethod
    def network_shape(cls, data_shape: Size, **options: Any) -> Size:
        """One logit for each variable."""
        return data_shape
