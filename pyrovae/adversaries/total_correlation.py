"""A density-ratio estimate of the total correlation of codes."""

import torch
from torch import Size, Tensor
from torch.nn.functional import softplus

from pyrovae.adversaries.base import Adversary, check_one_logit
from pyrovae.adversaries.seen import Seen
from pyrovae.nn.network import Network
from pyrovae.ranks import present

__all__ = ["TotalCorrelationAdversary", "permuted"]


class TotalCorrelationAdversary(Adversary):
    r"""Tells codes from codes with shuffled features, to estimate total correlation (FactorVAE).

    .. math:: D(z) \approx \log \frac{q(z)}{\prod_j q(z_j)}, \qquad
        \text{TC} = KL\Big(q(z) \,\Big\Vert\, \prod_j q(z_j)\Big) \approx E_{q(z)}[D(z)]

    The penalty is the estimated total correlation, with the logit :math:`D(z)` as the log density
    ratio. The adversary's loss is the cross-entropy of telling draws of the aggregate posterior
    from draws whose features are each permuted over the data of the batch (so that a fraction of
    1 / B stay in place).

    Kim and Mnih, 2018, Disentangling by factorising, https://arxiv.org/abs/1802.05983; Sugiyama,
    Suzuki and Kanamori, 2012, Density-ratio matching under the Bregman divergence,
    https://doi.org/10.1007/s10463-011-0343-8.

    Args:
        network: Maps a code to one logit.
        weight: The weight :math:`\gamma` of the total correlation, at least 0.
        start: Number of initial training steps without the adversary.

    Raises:
        ValueError: If the network has more than one output, or a number is negative.
    """

    across_batch = True

    def __init__(self, network: Network, *, weight: float = 10.0, start: int = 0) -> None:
        check_one_logit(network)
        super().__init__(network, weight=weight, start=start)

    def penalty(self, seen: Seen) -> Tensor:
        """The estimated total correlation, in nats."""
        found: Tensor = self.network(seen.latents).mean()
        return found

    def own_loss(self, seen: Seen) -> Tensor:
        """The cross-entropy, in nats."""
        z = seen.latents.detach()
        if len(z) * present().size < 2:
            raise ValueError(
                f"{type(self).__name__}: expected at least 2 data in a batch, because their codes "
                "are permuted, got 1"
            )
        joint, product = self.network(z), self.network(permuted(z))
        return (softplus(-joint).mean() + softplus(product).mean()) / 2

    @classmethod
    def network_shapes(cls, latent_shape: Size, data_shape: Size) -> tuple[Size, Size]:
        """From a code to one logit."""
        return latent_shape, Size([1])


def permuted(z: Tensor) -> Tensor:
    """Shuffles each feature of n codes, ``(n, *shape)``, independently over the codes."""
    flat = z.flatten(1)
    order = torch.rand_like(flat).argsort(dim=0)
    return flat.gather(0, order).view_as(z)
