"""A patch discriminator with an adaptive weight."""

import torch
from torch import Size, Tensor
from torch.nn.functional import relu

from pyrovae.adversaries.base import Adversary
from pyrovae.adversaries.seen import Seen
from pyrovae.nn.network import Network
from pyrovae.ranks import count, sum_over_ranks

__all__ = ["PatchAdversary"]

LARGEST = 1e4  # largest adaptive weight
EPSILON = 1e-4  # added to the norm of a gradient


class PatchAdversary(Adversary):
    r"""Tells data from reconstructions patch by patch, with the hinge loss (VQGAN).

    .. math:: \frac{1}{2} E\left[\max(0, 1 - D(x))\right] + \frac{1}{2} E\left[\max(0, 1 + D(\hat x))
        \right], \qquad \text{penalty } -\lambda \, E[D(\hat x)]

    averaged over all outputs of the network, such as a map with one logit for each patch
    (`pyrovae.nn.PatchDiscriminator`). :math:`\hat x` is the likelihood's mean, and the penalty
    trains both programs. The weight is adaptive,

    .. math:: \lambda = \frac{\lVert \nabla_W \log p(x \mid z) \rVert}
        {\lVert \nabla_W E[D(\hat x)] \rVert + \delta}

    where W is the weight of the model's last layer, and no gradient goes through :math:`\lambda`.
    The game then counts about as much as the likelihood, times ``weight``. It is usually started
    when reconstructions are already good. The result is not a bound.

    Esser, Rombach and Ommer, 2021, Taming transformers for high-resolution image synthesis,
    https://arxiv.org/abs/2012.09841; Isola et al., 2017, Image-to-image translation with conditional
    adversarial networks, https://arxiv.org/abs/1611.07004 (patches).

    Args:
        network: Maps a datum to logits, of any shape.
        adaptive: Whether the weight adapts to the gradients; otherwise it is 1.
        weight: The weight of the penalty, at least 0.
        start: Number of initial training steps without the adversary.

    Raises:
        ValueError: If the network does not declare its shapes, or a number is negative; at the
            first call, if there is no last layer for an adaptive weight.
    """

    def __init__(
        self, network: Network, *, adaptive: bool = True, weight: float = 0.8, start: int = 0
    ) -> None:
        super().__init__(network, weight=weight, start=start)
        self.adaptive = adaptive
        self.across_batch = adaptive  # the weight depends on the gradients of the whole batch

    def penalty(self, seen: Seen) -> Tensor:
        """How much reconstructions differ from data, times the adaptive weight."""
        game: Tensor = -self.network(seen.reconstructions).mean()
        return self.adaptive_weight(seen, game) * game if self.adaptive else game

    def own_loss(self, seen: Seen) -> Tensor:
        """The hinge loss."""
        real, made = self.network(seen.data), self.network(seen.reconstructions.detach())
        return (relu(1 - real).mean() + relu(1 + made).mean()) / 2

    def adaptive_weight(self, seen: Seen, game: Tensor) -> Tensor:
        r"""Returns the weight :math:`\lambda`, 0-dim, without a gradient.

        Raises:
            ValueError: If no weight of the model has both gradients.
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
            "adversary: an adaptive weight needs the gradient of the reconstructions with "
            "respect to the model's last layer, but they do not depend on one; use adaptive=False"
        )

    @classmethod
    def network_shapes(cls, latent_shape: Size, data_shape: Size) -> tuple[Size, Size]:
        """From a datum to one logit; the network may have another output shape."""
        return data_shape, Size([1])


def _of_all(gradient: Tensor, data: int) -> Tensor:
    """Turns the gradient of a mean over this rank's data into that over the data of all ranks."""
    return sum_over_ranks(gradient * data) / count(data)
