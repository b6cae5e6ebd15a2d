"""A network whose layers are spectrally normalised, which bounds its slope."""

import torch
from torch import Tensor, nn
from torch.func import functional_call

from pyrovae.nn.network import Network, check_network

__all__ = ["SpectralNorm"]

LAYERS = (nn.Linear, nn.modules.conv._ConvNd)


class SpectralNorm(Network):
    r"""A network whose dense and convolutional weights are divided by their spectral norms.

    .. math:: \bar W = W / \sigma(W)

    where :math:`\sigma` is the largest singular value of the weight as a matrix with one row for
    each output feature. It is estimated by one step of power iteration at each call in training
    mode. If the slope of the activations is at most 1, a dense network is then 1-Lipschitz.

    Miyato et al., 2018, Spectral normalization for generative adversarial networks,
    https://arxiv.org/abs/1802.05957.

    Args:
        network: The network. It is left as it is, and its weights are trained.

    Raises:
        ValueError: If it is not a `Network`, or has no such layer.
    """

    def __init__(self, network: Network) -> None:
        check_network(network)
        super().__init__(network.in_shape, network.out_shape)
        self.network = network
        layers = {name: m for name, m in network.named_modules() if isinstance(m, LAYERS)}
        if not layers:
            raise ValueError(
                "network: expected a network with dense or convolutional layers, got one without "
                "any"
            )
        self._names = list(layers)
        with torch.no_grad():
            for i, layer in enumerate(layers.values()):
                u, _, v = torch.linalg.svd(_matrix(layer), full_matrices=False)
                self.register_buffer(f"left_{i}", u[:, 0].clone())
                self.register_buffer(f"right_{i}", v[0].clone())

    def transform(self, x: Tensor) -> Tensor:
        """Returns the network's output with the normalised weights."""
        weights = {}
        for i, name in enumerate(self._names):
            layer = self.network.get_submodule(name)
            matrix = _matrix(layer)
            left, right = self.get_buffer(f"left_{i}"), self.get_buffer(f"right_{i}")
            if self.training:
                with torch.no_grad():
                    right.copy_(nn.functional.normalize(matrix.mT @ left, dim=0))
                    left.copy_(nn.functional.normalize(matrix @ right, dim=0))
                # The autograd graph needs the vectors of its own call.
                left, right = left.clone(), right.clone()
            weights[f"{name}.weight"] = _weight(layer) / (left @ matrix @ right)
        found: Tensor = functional_call(self.network, weights, (x,))
        return found


def _weight(layer: nn.Module) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight


def _matrix(layer: nn.Module) -> Tensor:
    """A layer's weight, with one row for each output feature."""
    weight = _weight(layer)
    if isinstance(layer, nn.modules.conv._ConvTransposeNd):
        weight = weight.transpose(0, 1)
    return weight.flatten(1)
