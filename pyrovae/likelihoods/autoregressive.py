"""Autoregressive likelihoods: each variable depends on the variables before it."""

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
    r"""A decoder in which each variable depends on z and on all variables before it.

    .. math:: p(x \mid z) = \prod_i p(x_i \mid x_1, \dots, x_{i-1}, z)

    `PixelCNNLikelihood` describes the order of the variables and what has no closed form.

    Subclasses provide the network that reads the earlier variables.

    Gulrajani et al., 2017, PixelVAE: a latent variable model for natural images,
    https://arxiv.org/abs/1611.05013; Chen et al., 2017, Variational lossy autoencoder,
    https://arxiv.org/abs/1611.02731.

    Args:
        network: Maps a latent to features of each variable. Its ``out_shape`` is the shape of one
            datum, except that the first dimension is ``context_features`` times as long.
        pixel: The likelihood of one variable given its parameters.
        causal: The network that reads the earlier variables.
        context_features: Number of features of each variable.
        features: Number of features of ``causal``.

    Raises:
        ValueError: If a network's shape is not divisible as needed, or ``pixel`` is not a
            likelihood of one variable with a vector of parameters, is over counts, or adds a loss.
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
                "pixel: expected a likelihood with data_shape (1,) and a vector of parameters, "
                f"got {type(pixel).__name__} with data_shape {pixel.data_shape} and latent_shape "
                f"{pixel.latent_shape}"
            )
        if pixel.counts:
            raise ValueError(
                "pixel: expected a likelihood of grey levels or real numbers, got "
                f"{type(pixel).__name__}, a likelihood of counts"
            )
        if isinstance(pixel, AutoregressiveLikelihood):
            raise ValueError(
                f"pixel: expected a likelihood of one variable alone, got {type(pixel).__name__}, whose "
                "variables come one after another"
            )
        if isinstance(pixel, PenalizedLikelihood):
            raise ValueError(
                f"pixel: expected a density, got {type(pixel).__name__}, which adds a loss to it"
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
        """Gives the likelihood of one variable a network that returns its input unchanged."""
        if argument != "pixel":
            return known
        one = Size([1])
        network = Identity(part.network_shape(one, **options))
        return {**known, "data_shape": one, "network": network}

    def _variable(self, parameters: Tensor) -> Any:
        return unblocked(self.pixel(at_least_single(parameters)))

    @classmethod
    def network_shape(cls, data_shape: Size, *, context_features: int = 8, **options: Any) -> Size:
        """``context_features`` features for each variable."""
        return multiply_shape(data_shape, context_features)


class PixelCNNLikelihood(AutoregressiveLikelihood):
    r"""An autoregressive decoder with masked, gated convolutions over the earlier pixels.

    .. math:: p(x \mid z) = \prod_i p(x_i \mid x_1, \dots, x_{i-1}, z)

    The variables are ordered row by row, with all channels of one grid point in sequence.
    ``network`` computes features of each variable from z. Together with the earlier variables they
    give the parameters of one variable, which ``pixel`` turns into its distribution. Any
    likelihood of one variable will do, such as ``BernoulliLikelihood(Identity(1))`` or
    ``CategoricalLikelihood(Identity(256))``. A density takes one pass of the network, a draw one
    step for each variable. The mean has no closed form, so queries return draws instead and warn.
    Nor has the density of a subset of the variables, so `MissingDataVAE` refuses this likelihood.

    With few layers the decoder only sees nearby pixels, which leaves the global content to z.

    van den Oord et al., 2016, Conditional image generation with PixelCNN decoders,
    https://arxiv.org/abs/1606.05328; Gulrajani et al., 2017, PixelVAE: a latent variable model for
    natural images, https://arxiv.org/abs/1611.05013.

    Args:
        network: Maps a latent to features of each variable. Its ``out_shape`` is the shape of one
            datum, except that the first dimension is ``context_features`` times as long.
        pixel: The likelihood of one variable given its parameters.
        context_features: Number of features of each variable.
        features: Channels of the convolutions.
        layers: Number of layers.
        kernel: Width and height of the kernels, an odd number.

    Raises:
        ValueError: If there is no layer, the kernel size is even, a network's shape is not
            divisible as needed, or ``pixel`` is not a likelihood of one variable with a vector of
            parameters, is over counts, or adds a loss.
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
    r"""An autoregressive decoder with a transformer that attends to all earlier pixels.

    .. math:: p(x \mid z) = \prod_i p(x_i \mid x_1, \dots, x_{i-1}, z)

    The variables are ordered row by row, with all channels of one grid point in sequence.
    ``network`` computes features of each variable from z. Together with the earlier variables they
    give the parameters of one variable, which ``pixel`` turns into its distribution. Any
    likelihood of one variable will do, such as ``BernoulliLikelihood(Identity(1))`` or
    ``CategoricalLikelihood(Identity(256))``. A density takes one pass of the network, a draw one
    step for each variable. The mean has no closed form, so queries return draws instead and warn.
    Nor has the density of a subset of the variables, so `MissingDataVAE` refuses this likelihood.

    Memory and time grow with the square of the number of pixels. A decoder this powerful tends to
    ignore z wherever it can: watch the KL divergence, and see `FreeBitsELBO`.

    Vaswani et al., 2017, Attention is all you need, https://arxiv.org/abs/1706.03762; Child, Gray,
    Radford and Sutskever, 2019, Generating long sequences with sparse transformers,
    https://arxiv.org/abs/1904.10509.

    Args:
        network: Maps a latent to features of each variable. Its ``out_shape`` is the shape of one
            datum, except that the first dimension is ``context_features`` times as long.
        pixel: The likelihood of one variable given its parameters.
        context_features: Number of features of each variable.
        features: Number of features of the transformer.
        heads: Number of attention heads; must divide ``features``.
        layers: Number of layers.

    Raises:
        ValueError: If there is no layer, the number of features is not divisible by the number of
            heads, a network's shape is not divisible as needed, or ``pixel`` is not a likelihood
            of one variable with a vector of parameters, is over counts, or adds a loss.
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
