"""Posterior over the codes of a codebook."""

from typing import Any

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.codebooks import Codebook
from pyrovae.distributions.codes import NearestCode, split
from pyrovae.nn.network import Network, Shape, as_size, divided
from pyrovae.posteriors.base import Posterior

__all__ = ["QuantizedPosterior"]


class QuantizedPosterior(Posterior):
    r"""A deterministic posterior: the codes nearest to a network's output, from any codebook.

    .. math:: q(z = e_k \mid x) = 1 \text{ for } k = \arg\min_j \lVert f(x) - e_j \rVert

    The network's output is read as vectors of length ``code_features``. An output of shape
    ``(C, *grid)`` has ``C / code_features`` vectors at each grid point; an output of shape
    ``(C,)`` has that many in a row. The latent consists of their codes, in the same shape. A
    codebook with several stages puts the codes of the first stage first, then those of the next,
    ``(stages * C, *grid)``. The decoder's gradient passes straight through to :math:`f(x)`. The
    codebook and the objective decide how codes and network output are drawn together. The matching
    prior is a `CategoricalCodePrior` or another prior over codes, constructed with this posterior.

    The codes are discrete and determined by x, so :math:`\log p(x \mid z) + \log p(z)` is a lower
    bound of :math:`\log p(x)`, and further draws do not tighten it.

    van den Oord, Vinyals and Kavukcuoglu, 2017, Neural discrete representation learning,
    https://arxiv.org/abs/1711.00937.

    Args:
        network: Maps a datum to the vectors, ``(groups * code_features, *grid)``.
        codebook: The codebook.

    Attributes:
        code_shape: Shape of the code indices of one datum, ``(stages * groups, *grid)``.

    Raises:
        ValueError: If the network does not declare its shapes, or the first dimension of its
            output is not divisible by ``code_features``.
    """

    latent_kind = "code"
    density_everywhere = False
    takes_maps = True

    def __init__(self, network: Network, codebook: Codebook) -> None:
        super().__init__()
        groups, *grid = divided(
            network,
            codebook.code_features,
            "whose first dimension is a number for each latent variable and divides by "
            f"code_features, {codebook.code_features}",
        )
        self.data_shape = network.in_shape
        self.latent_shape = Size([codebook.stages * network.out_shape[0], *grid])
        self.code_shape = Size([codebook.stages * groups, *grid])
        self.network = network
        self.codebook = codebook

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        events = len(self.code_shape)
        output = self.network(x)
        self.codebook.begin()
        q = NearestCode(output, self.codebook(), events)
        seen = split(q.target.detach(), self.codebook.code_features, events)
        self.codebook.see(seen, q.indices, events)
        return q

    @classmethod
    def network_shape(cls, latent_features: Shape, **options: Any) -> Size:
        """The shape of the vectors, which is that of the latents."""
        return as_size(latent_features, "latent_features")
