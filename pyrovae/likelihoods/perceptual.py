"""A likelihood plus a loss in the features of a network."""

import hashlib
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from pyrovae.distributions.special import at_least_single
from pyrovae.likelihoods.base import Likelihood
from pyrovae.likelihoods.penalized import PenalizedLikelihood

__all__ = ["PerceptualLikelihood"]

Features = Callable[[Tensor], Tensor | Sequence[Tensor]]


class PerceptualLikelihood(PenalizedLikelihood):
    r"""A likelihood plus a loss of its mean in the features of a given network.

    .. math:: \ell(x \mid z) = a \log p(x \mid z) - w \sum_l \frac{1}{2 D_l}
        \lVert \phi_l(x) - \phi_l(\mu(z)) \rVert^2

    where layer l has :math:`D_l` features. A normal density of the features would be a density of
    :math:`\phi(x)` and not of x, because different x can have the same features. The sum is
    therefore a loss and not a log-density: training maximises it, and the bound and the
    log-likelihood are reported as undefined.

    The network is copied and its weights stay fixed. It runs in evaluation mode, and gradients
    pass through it to the decoder. It is not a part of the model: its weights are in neither
    ``parameters()`` nor ``state_dict()`` nor a checkpoint; only a fingerprint of them is saved. A
    loaded likelihood can sample and reconstruct without the network. To be trained or evaluated it
    needs the network again, which `set_features` gives it::

        vae = load(path)
        vae.likelihood.set_features(network)  # with the same weights

    Alternatively, ``load(path, model=vae)`` loads the parameters into a model that has it.

    Hou, Shen, Sun and Qiu, 2017, Deep feature consistent variational autoencoder,
    https://arxiv.org/abs/1610.00291; Johnson, Alahi and Fei-Fei, 2016, Perceptual losses for
    real-time style transfer and super-resolution, https://arxiv.org/abs/1603.08155.

    Args:
        likelihood: The likelihood p; the loss compares its mean :math:`\mu(z)` with the data.
        features: The network :math:`\phi`, which maps data ``(n, *data_shape)`` to the features of
            one layer or a list of those of several layers, ``(n, ...)`` each. It includes any
            preprocessing, such as subtracting the mean of its own training data. If None, it has
            to be given with `set_features`.
        weight: The weight w, in nats per unit of the loss.
        likelihood_weight: The weight a. With 0 only the loss is trained, and parameters of the
            likelihood that do not affect its mean, such as a scale, stay as they are.

    Raises:
        ValueError: If the likelihood does not declare its shapes, or a weight is negative or not
            finite.
        RuntimeError: When the density is evaluated, if the network is missing.
    """

    loss_name = "features"

    def __init__(
        self,
        likelihood: Likelihood,
        features: Callable[[Tensor], Any] | None = None,
        *,
        weight: float = 1.0,
        likelihood_weight: float = 1.0,
    ) -> None:
        super().__init__(likelihood, weight=weight, likelihood_weight=likelihood_weight)
        self.init_args.pop("features", None)  # not saved
        self._keep(features)
        self.fingerprint: Tensor
        self.register_buffer("fingerprint", _fingerprint(features))

    @property
    def features(self) -> Features | None:
        """The network; None if it is missing."""
        return self.__dict__["_features"]

    def set_features(self, features: Callable[[Tensor], Any]) -> None:
        """Gives the network to a likelihood that was loaded, or constructed without one.

        Args:
            features: The network that the likelihood was trained with.

        Raises:
            ValueError: If its weights are different.
        """
        mine = _fingerprint(features)
        if self.fingerprint.any() and not torch.equal(mine, self.fingerprint.cpu()):
            raise ValueError(
                "features: expected the network that the likelihood was trained with, got one "
                "with different weights"
            )
        self._keep(features)
        self.fingerprint = mine.to(self.fingerprint.device)

    def _keep(self, features: Features | None) -> None:
        if isinstance(features, nn.Module):  # a copy, so that the caller's module is not changed
            features = deepcopy(features).requires_grad_(False).eval()
        # Not registered as a module, because its weights are not the model's.
        self.__dict__["_features"] = features

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        # The network moves to another device or precision with the model.
        if isinstance(self.features, nn.Module):
            self.features._apply(fn)
        return super()._apply(fn, recurse)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        # A network with other weights is not the one that the model was trained with.
        if not torch.equal(_fingerprint(self.features), self.fingerprint.cpu()):
            self._keep(None)

    def loss(self, x: Tensor, mean: Tensor) -> Tensor:
        """Returns half the mean squared difference of the features, summed over layers.

        Raises:
            RuntimeError: If the network is missing.
            ValueError: If it does not return features of each datum.
        """
        pairs = zip(self._layers(x), self._layers(mean), strict=True)
        squares = [(a - b).square().flatten(1).mean(1) for a, b in pairs]
        return 0.5 * torch.stack(squares).sum(0)

    def _layers(self, x: Tensor) -> list[Tensor]:
        network = self.features
        if network is None:
            raise RuntimeError(
                "PerceptualLikelihood: the feature network is missing, because it is not saved "
                "with the model and cannot be built by name; pass it with "
                "likelihood.set_features(network)"
            )
        if isinstance(network, nn.Module):
            x = x.to(next((p.dtype for p in network.parameters()), x.dtype))
        found = network(x)
        layers = [found] if isinstance(found, Tensor) else list(found)
        for layer in layers:
            if not isinstance(layer, Tensor) or layer.dim() < 2 or len(layer) != len(x):
                got = tuple(layer.shape) if isinstance(layer, Tensor) else type(layer).__name__
                raise ValueError(
                    f"features: expected features of shape ({len(x)}, ...), got {got}"
                )
        return [at_least_single(layer) for layer in layers]


def _fingerprint(network: Features | None) -> Tensor:
    """An eight-byte fingerprint of the weights, on any device; zeros if there are none."""
    state = network.state_dict() if isinstance(network, nn.Module) else {}
    if not state or any(value.is_meta for value in state.values()):
        return torch.zeros(8, dtype=torch.uint8)
    digest = hashlib.sha256()
    for name, value in state.items():
        content = value.detach().cpu().float().contiguous().numpy()
        digest.update(f"{name} {tuple(value.shape)}".encode() + content.tobytes())
    return torch.tensor(list(digest.digest()[:8]), dtype=torch.uint8)
