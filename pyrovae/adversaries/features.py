"""An adversary whose features define the reconstruction error."""

from torch import Size, Tensor, nn
from torch.nn.functional import softplus

from pyrovae.adversaries.base import Adversary
from pyrovae.adversaries.seen import Seen
from pyrovae.checks import check_weight
from pyrovae.nn.network import Network

__all__ = ["FeatureAdversary"]


class FeatureAdversary(Adversary):
    r"""Tells data from model output, and provides features to reconstruct in (VAE-GAN).

    The network computes features :math:`h(x)`; the logit :math:`D(x)` is a linear function of
    their leaky ReLU. The penalty is

    .. math:: \frac{1}{2} \lVert h(x) - h(\hat x) \rVert^2
        - \gamma \left(\log \sigma(D(\hat x)) + \log \sigma(D(\tilde x))\right)

    where :math:`\hat x` is the likelihood's mean at the guide's draw and :math:`\tilde x` its mean
    at a draw of the prior. The first term trains both programs. The second one, the game, only
    trains the model, with :math:`z` held fixed. The adversary's loss is the cross-entropy of
    telling data from both kinds of model output.

    The model runs again for :math:`\hat x` with :math:`z` held fixed and for :math:`\tilde x`. In
    training, batch normalisation therefore updates its running moments several times in a step, in
    part from draws of the prior, and dropout is drawn anew in each run.

    The penalty is added to the objective; ``weight`` sets its weight. The result is not a bound.

    Larsen et al., 2016, Autoencoding beyond pixels using a learned similarity metric,
    https://arxiv.org/abs/1512.09300.

    Args:
        network: Maps a datum to features.
        game: The weight :math:`\gamma` of the game relative to the features, at least 0.
        weight: The weight of the penalty, at least 0.
        start: Number of initial training steps without the adversary.

    Raises:
        ValueError: If the network does not declare its shapes, or a number is negative.
    """

    def __init__(
        self, network: Network, *, game: float = 1.0, weight: float = 1.0, start: int = 0
    ) -> None:
        check_weight("game", game)
        super().__init__(network, weight=weight, start=start)
        self.game = game
        self.head = nn.Linear(network.out_shape.numel(), 1)

    def penalty(self, seen: Seen) -> Tensor:
        """The distance in features plus the game."""
        real, made = self.features(seen.data).detach(), self.features(seen.reconstructions)
        difference = real - made.unflatten(0, (-1, len(real)))  # each draw with its own datum
        matching = difference.square().sum(-1).mean() / 2
        game = sum(softplus(-self.logits(x)).mean() for x in (seen.decoded, seen.generated))
        return matching + self.game * game

    def own_loss(self, seen: Seen) -> Tensor:
        """The cross-entropy, in nats."""
        real = softplus(-self.logits(seen.data)).mean()
        made = [softplus(self.logits(x.detach())).mean() for x in (seen.decoded, seen.generated)]
        return (real + (made[0] + made[1]) / 2) / 2

    def features(self, x: Tensor) -> Tensor:
        """Returns the features of data, ``(n, d)``."""
        found: Tensor = self.network(x).flatten(1)
        return found

    def logits(self, x: Tensor) -> Tensor:
        """Returns the logits of data, ``(n, 1)``."""
        found: Tensor = self.head(nn.functional.leaky_relu(self.features(x), 0.2))
        return found

    @classmethod
    def network_shapes(cls, latent_shape: Size, data_shape: Size) -> tuple[Size, Size]:
        """From a datum to 64 features."""
        return data_shape, Size([64])
