"""The discriminator of patches, with a weight that follows the gradients."""

import torch
from torch import Size, Tensor
from torch.nn.functional import relu

from pyrovae.adversaries.base import Adversary
from pyrovae.adversaries.seen import Seen
from pyrovae.nn.network import Network
from pyrovae.ranks import count, sum_over_ranks

__all__ = ["PatchAdversary"]

LARGEST = 1e4  # of the adaptive weight
EPSILON = 1e-4  # beside the norm of a gradient


class PatchAdversary(Adversary):
    r"""Tells data from reconstructions patch by patch, with the hinge loss (VQGAN).

    .. math:: \frac{1}{2} E\left[\max(0, 1 - D(x))\right] + \frac{1}{2} E\left[\max(0, 1 + D(\hat x))
        \right], \qquad \text{penalty } -\lambda \, E[D(\hat x)]

    over all outputs of the network, such as a map with one logit for each patch
    (`pyrovae.nn.PatchDiscriminator`). :math:`\hat x` is the likelihood's mean, and both programs are
    trained by it. The weight is adaptive,

    .. math:: \lambda = \frac{\lVert \nabla_W \log p(x \mid z) \rVert}
        {\lVert \nabla_W E[D(\hat x)] \rVert + \delta}

    with W the weight of the model's last layer and no gradient through it, so that the game counts
    about as much as the likelihood does, times ``weight``. It usually starts when reconstructions
    are good. What is learned bounds nothing.

    Esser, Rombach and Ommer, 2021, Taming transformers for high-resolution image synthesis,
    https://arxiv.org/abs/2012.09841; Isola et al., 2017, Image-to-image translation with conditional
    adversarial networks, https://arxiv.org/abs/1611.07004 (patches).

    Args:
        network: From a datum to logits, of any shape.
        adaptive: Whether the weight follows the gradients; it is 1 otherwise.
        weight: The weight of the penalty, at least 0.
        start: Steps of the model that it sits out.

    Raises:
        ValueError: If the network does not declare its shapes, or a number is negative; at the first
            call, if an adaptive weight finds no last layer.
    """

    def __init__(
        self, network: Network, *, adaptive: bool = True, weight: float = 0.8, start: int = 0
    ) -> None:
        super().__init__(network, weight=weight, start=start)
        self.adaptive = adaptive
        self.across_batch = adaptive  # its weight is of the gradients of the whole batch

    def penalty(self, seen: Seen) -> Tensor:
        """How little reconstructions look like data, times the adaptive weight."""
        game: Tensor = -self.network(seen.reconstructions).mean()
        return self.adaptive_weight(seen, game) * game if self.adaptive else game

    def own_loss(self, seen: Seen) -> Tensor:
        """The hinge loss."""
        real, made = self.network(seen.data), self.network(seen.reconstructions.detach())
        return (relu(1 - real).mean() + relu(1 + made).mean()) / 2

    def adaptive_weight(self, seen: Seen, game: Tensor) -> Tensor:
        r"""The weight :math:`\lambda`, 0-dim, without a gradient.

        Raises:
            ValueError: If no weight of the model's has both gradients.
        """
        for weight in reversed(seen.weights):
            norms = []
            for loss in (seen.log_likelihood, game):
                (found,) = torch.autograd.grad(
                    loss, [weight], retain_graph=True, allow_unused=True
                )
                norms.append(None if found is None else _of_all(found, len(seen.data)).norm())
            if norms[0] is not None and norms[1] is not None:
                return (norms[0] / (norms[1] + EPSILON)).clamp(max=LARGEST).detach()
        raise ValueError(
            "adversary: an adaptive weight looks at the gradient of the model's last layer, and "
            "reconstructions depend on none; take adaptive=False"
        )

    @classmethod
    def network_shapes(cls, latent_shape: Size, data_shape: Size) -> tuple[Size, Size]:
        """From a datum to one logit, if the network does not say otherwise."""
        return data_shape, Size([1])


def _of_all(gradient: Tensor, data: int) -> Tensor:
    """The gradient of the mean over the data of all ranks, from that over this one's."""
    return sum_over_ranks(gradient * data) / count(data)
