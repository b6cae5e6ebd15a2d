"""The density ratio that estimates the total correlation of codes."""

import torch
from torch import Size, Tensor
from torch.nn.functional import softplus

from pyrovae.adversaries.base import Adversary, check_one_logit
from pyrovae.adversaries.seen import Seen
from pyrovae.nn.network import Network
from pyrovae.ranks import present

__all__ = ["TotalCorrelationAdversary", "permuted"]


class TotalCorrelationAdversary(Adversary):
    r"""Tells codes from codes whose features were shuffled; its logit is a density ratio (FactorVAE).

    .. math:: D(z) \approx \log \frac{q(z)}{\prod_j q(z_j)}, \qquad
        \text{TC} = KL\Big(q(z) \,\Big\Vert\, \prod_j q(z_j)\Big) \approx E_{q(z)}[D(z)]

    The penalty is the estimated total correlation. The loss is the cross-entropy of telling draws of
    the aggregate posterior from draws whose features come each from another datum of the batch
    (permuted among them, so that a share of 1 / B keep their place).

    Kim and Mnih, 2018, Disentangling by factorising, https://arxiv.org/abs/1802.05983; Sugiyama,
    Suzuki and Kanamori, 2012, Density-ratio matching under the Bregman divergence,
    https://doi.org/10.1007/s10463-011-0343-8.

    Args:
        network: From a code to one logit.
        weight: The weight :math:`\gamma` of the total correlation, at least 0.
        start: Steps of the model that it sits out.

    Raises:
        ValueError: If the network puts out more than one number, or a number is negative.
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
                f"{type(self).__name__}: expected at least 2 data in a batch, whose codes are "
                "shuffled among them, got 1"
            )
        joint, product = self.network(z), self.network(permuted(z))
        return (softplus(-joint).mean() + softplus(product).mean()) / 2

    @classmethod
    def network_shapes(cls, latent_shape: Size, data_shape: Size) -> tuple[Size, Size]:
        """From a code to one logit."""
        return latent_shape, Size([1])


def permuted(z: Tensor) -> Tensor:
    """Codes, ``(n, *shape)``, each feature of which is shuffled among the n by itself."""
    flat = z.flatten(1)
    order = torch.rand_like(flat).argsort(dim=0)
    return flat.gather(0, order).view_as(z)
