"""An adversary in place of the KL divergence."""

from torch import Size, Tensor
from torch.nn.functional import softplus

from pyrovae.adversaries.base import Adversary, check_one_logit
from pyrovae.adversaries.seen import Seen
from pyrovae.nn.network import Network

__all__ = ["PriorAdversary"]


class PriorAdversary(Adversary):
    r"""Tells codes from draws of the prior; the guide learns to make them alike (AAE).

    The adversary's loss is the cross-entropy of telling draws of the model's prior from draws of
    the guide. The penalty is :math:`-E_{q(z)}[\log \sigma(D(z))]`, the codes' part of that loss
    with the label flipped (the non-saturating form). Any prior works, since it is only sampled.
    With ``fit(beta=0)`` the penalty replaces the KL divergence, and the model is an adversarial
    autoencoder, whose objective is not a bound. The prior's own parameters get no gradient from
    it.

    Makhzani et al., 2016, Adversarial autoencoders, https://arxiv.org/abs/1511.05644.

    Args:
        network: Maps a code to one logit.
        weight: The weight of the penalty, at least 0.
        start: Number of initial training steps without the adversary.

    Raises:
        ValueError: If the network has more than one output, or a number is negative.
    """

    def __init__(self, network: Network, *, weight: float = 1.0, start: int = 0) -> None:
        check_one_logit(network)
        super().__init__(network, weight=weight, start=start)

    def penalty(self, seen: Seen) -> Tensor:
        """How much codes differ from draws of the prior, in nats."""
        return softplus(-self.network(seen.latents)).mean()

    def own_loss(self, seen: Seen) -> Tensor:
        """The cross-entropy, in nats."""
        prior, codes = self.network(seen.prior_draws), self.network(seen.latents.detach())
        return (softplus(-prior).mean() + softplus(codes).mean()) / 2

    @classmethod
    def network_shapes(cls, latent_shape: Size, data_shape: Size) -> tuple[Size, Size]:
        """From a code to one logit."""
        return latent_shape, Size([1])
