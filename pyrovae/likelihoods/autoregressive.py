"""Likelihoods whose variables come one after another."""

from collections.abc import Mapping
from typing import Any

from torch import Size, Tensor, nn
from torch.distributions import Distribution

from pyrovae.distributions import Autoregressive
from pyrovae.distributions.autoregressive import to_places
from pyrovae.distributions.special import at_least_single
from pyrovae.distributions.unwrap import unblocked
from pyrovae.likelihoods.base import Likelihood
from pyrovae.likelihoods.parameters import divide_shape, multiply_shape, parameters_last
from pyrovae.likelihoods.penalized import PenalizedLikelihood
from pyrovae.nn.causal import Causal, Conditionals, Scalars, layout
from pyrovae.nn.causal_transformer import CausalTransformer
from pyrovae.nn.identity import Identity
from pyrovae.nn.network import Network
from pyrovae.nn.pixel_cnn import GatedPixelCNN

__all__ = ["AutoregressiveLikelihood", "PixelCNNLikelihood", "TransformerLikelihood"]


class AutoregressiveLikelihood(Likelihood):
    r"""A decoder that sees the variables before, each with a distribution of any kind.

    .. math:: p(x \mid z) = \prod_i p(x_i \mid x_1, \dots, x_{i-1}, z)

    See `PixelCNNLikelihood` for the order, and for what is not known.

    A subclass makes the network that sees the variables before.

    Gulrajani et al., 2017, PixelVAE: a latent variable model for natural images,
    https://arxiv.org/abs/1611.05013; Chen et al., 2017, Variational lossy autoencoder,
    https://arxiv.org/abs/1611.02731.

    Args:
        network: From a latent to features of each variable, with ``out_shape`` that of one datum but
            for the first dimension, which is ``context_features`` times as long.
        pixel: The likelihood of one variable given its parameters.
        causal: The network that sees the variables before.
        context_features: Number of features of each variable.
        features: Number of features of the network that sees the variables before.

    Raises:
        ValueError: If a network's shape does not divide, ``pixel`` is not of one variable with a
            vector of parameters, is of counts, or has a loss beside it.
    """

    def __init__(
        self,
        network: Network,
        pixel: Likelihood,
        causal: Causal,
        *,
        context_features: int,
        features: int,
    ) -> None:
        super().__init__()
        self.data_shape = _data_shape(network, context_features)
        if pixel.data_shape != Size([1]) or len(pixel.latent_shape or ()) != 1:
            raise ValueError(
                "pixel: expected a likelihood of one variable, data_shape (1,), of a vector of "
                f"parameters, got {type(pixel).__name__} of {pixel.data_shape} of "
                f"{pixel.latent_shape}"
            )
        if pixel.counts:
            raise ValueError(
                f"pixel: expected a likelihood of grey levels or numbers, got {type(pixel).__name__} "
                "of counts"
            )
        if isinstance(pixel, PenalizedLikelihood):
            raise ValueError(
                f"pixel: expected a density of one variable, got {type(pixel).__name__}, which has "
                "a loss beside it"
            )
        assert pixel.latent_shape is not None
        self.latent_shape = network.in_shape
        self.network = network
        self.pixel = pixel
        self.context_features = context_features
        self.conditionals = Conditionals(
            causal,
            nn.Sequential(Scalars(features), nn.GELU(), nn.Linear(features, features)),
            places=self.data_shape.numel(),
            features=features,
            parameters=pixel.latent_shape[0],
            context_features=context_features,
        )

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        shape = self.data_shape
        assert shape is not None
        y = parameters_last(at_least_single(self.network(z)), self.context_features, len(shape))
        context = to_places(y.movedim(-1, 0), len(shape)).movedim(0, -1)
        return Autoregressive(self.conditionals, self._variable, shape, context)

    @classmethod
    def known_within(
        cls, argument: str, part: Any, options: Mapping[str, Any], known: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """One variable's likelihood is of the parameters that it is given, as they are."""
        if argument != "pixel":
            return known
        one = Size([1])
        network = Identity(part.network_shape(one, **options))
        return {**known, "data_shape": one, "network": network}

    def _variable(self, parameters: Tensor) -> Any:
        return unblocked(self.pixel(at_least_single(parameters)))

    @classmethod
    def network_shape(cls, data_shape: Size, *, context_features: int = 8, **options: Any) -> Size:
        """So many features of each variable."""
        return multiply_shape(data_shape, context_features)


class PixelCNNLikelihood(AutoregressiveLikelihood):
    r"""A decoder that sees the pixels before through masked, gated convolutions.

    .. math:: p(x \mid z) = \prod_i p(x_i \mid x_1, \dots, x_{i-1}, z)

    The order is that of the grid, row by row, at each point all channels. ``network`` makes features
    of each variable from z, and ``pixel`` the distribution of one variable from parameters that the
    variables before it and these features give: any likelihood of one variable, such as
    ``BernoulliLikelihood(Identity(1))`` or ``CategoricalLikelihood(Identity(256))``. A density takes one
    run, a draw one step for each variable; the mean is not known, so that queries give draws and say
    so, and neither is the density of a part of the variables, so that `MissingDataVAE` refuses it.

    With few layers it sees the pixels near by alone, which leaves to z what the picture is of.

    van den Oord et al., 2016, Conditional image generation with PixelCNN decoders,
    https://arxiv.org/abs/1606.05328; Gulrajani et al., 2017, PixelVAE: a latent variable model for
    natural images, https://arxiv.org/abs/1611.05013.

    Args:
        network: From a latent to features of each variable, with ``out_shape`` that of one datum but
            for the first dimension, which is ``context_features`` times as long.
        pixel: The likelihood of one variable given its parameters.
        context_features: Number of features of each variable.
        features: Channels of the convolutions.
        layers: Number of layers.
        kernel: Width and height of the kernels, odd.

    Raises:
        ValueError: If there is no layer, the kernel's size is even, a network's shape does not
            divide, ``pixel`` is not of one variable with a vector of parameters, is of counts, or
            has a loss beside it.
    """

    def __init__(
        self,
        network: Network,
        pixel: Likelihood,
        *,
        context_features: int = 8,
        features: int = 32,
        layers: int = 4,
        kernel: int = 3,
    ) -> None:
        rows, columns = layout(_data_shape(network, context_features))
        super().__init__(
            network,
            pixel,
            GatedPixelCNN(rows, columns, features=features, layers=layers, kernel=kernel),
            context_features=context_features,
            features=features,
        )


class TransformerLikelihood(AutoregressiveLikelihood):
    r"""A decoder that sees all pixels before through attention.

    .. math:: p(x \mid z) = \prod_i p(x_i \mid x_1, \dots, x_{i-1}, z)

    The order is that of the grid, row by row, at each point all channels. ``network`` makes features
    of each variable from z, and ``pixel`` the distribution of one variable from parameters that the
    variables before it and these features give: any likelihood of one variable, such as
    ``BernoulliLikelihood(Identity(1))`` or ``CategoricalLikelihood(Identity(256))``. A density takes one
    run, a draw one step for each variable; the mean is not known, so that queries give draws and say
    so, and neither is the density of a part of the variables, so that `MissingDataVAE` refuses it.

    Memory and time are in the square of the number of pixels. What such a decoder can do without z
    it learns to do without z: watch the KL divergence, and see `FreeBitsELBO`.

    Vaswani et al., 2017, Attention is all you need, https://arxiv.org/abs/1706.03762; Child, Gray,
    Radford and Sutskever, 2019, Generating long sequences with sparse transformers,
    https://arxiv.org/abs/1904.10509.

    Args:
        network: From a latent to features of each variable, with ``out_shape`` that of one datum but
            for the first dimension, which is ``context_features`` times as long.
        pixel: The likelihood of one variable given its parameters.
        context_features: Number of features of each variable.
        features: Features of the transformer.
        heads: Number of heads of its attention, which divides them.
        layers: Number of layers.

    Raises:
        ValueError: If there is no layer, the heads do not divide the features, a network's shape
            does not divide, ``pixel`` is not of one variable with a vector of parameters, is of
            counts, or has a loss beside it.
    """

    def __init__(
        self,
        network: Network,
        pixel: Likelihood,
        *,
        context_features: int = 8,
        features: int = 64,
        heads: int = 4,
        layers: int = 2,
    ) -> None:
        super().__init__(
            network,
            pixel,
            CausalTransformer(features=features, heads=heads, layers=layers),
            context_features=context_features,
            features=features,
        )


def _data_shape(network: Network, context_features: int) -> Size:
    if context_features < 1:
        raise ValueError(f"context_features: expected at least 1, got {context_features}")
    return divide_shape(network, context_features, "context_features of each variable")
