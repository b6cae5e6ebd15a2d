"""The adversary that takes the place of the KL divergence."""

from torch import Size, Tensor
from torch.nn.functional import softplus

from pyrovae.adversaries.base import Adversary, check_one_logit
from pyrovae.adversaries.seen import Seen
from pyrovae.nn.network import Network

__all__ = ["PriorAdversary"]


class PriorAdversary(Adversary):
    r"""Tells codes from draws of the prior; the guide is to make the two alike (AAE).

    Its loss is the cross-entropy of telling draws of the model's own prior from draws of the
    guide, and the penalty :math:`-E_{q(z)}[\log \sigma(D(z))]`, which the codes' share of it
    turned round would be (the non-saturating form). Any prior does, since it is sampled alone. With
    ``fit(beta=0)`` it takes the place of the KL divergence, and a model is an adversarial
    autoencoder, which bounds nothing. A prior's own parameters get nothing from it.

    Makhzani et al., 2016, Adversarial autoencoders, https://arxiv.org/abs/1511.05644.

    Args:
        network: From a code to one logit.
        weight: The weight of the penalty, at least 0.
        start: Steps of the model that it sits out.

    Raises:
        ValueError: If the network puts out more than one number, or a number is negative.
    """

    def __init__(self, network: Network, *, weight: float = 1.0, start: int = 0) -> None:
        check_one_logit(network)
        super().__init__(network, weight=weight, start=start)

    def penalty(self, seen: Seen) -> Tensor:
        """How little codes look like draws of the prior, in nats."""
        return softplus(-self.network(seen.latents)).mean()

    def own_loss(self, seen: Seen) -> Tensor:
        """The cross-entropy, in nats."""
        prior, codes = self.network(seen.prior_draws), self.network(seen.latents.detach())
        return (softplus(-prior).mean() + softplus(codes).mean()) / 2

    @classmethod
    def network_shapes(cls, latent_shape: Size, data_shape: Size) -> tuple[Size, Size]:
        """From a code to one logit."""
        return latent_shape, Size([1])
