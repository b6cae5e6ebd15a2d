"""Deep hierarchies: of maps at several resolutions, and of vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from torch import Size

from pyrovae.checks import check_agreement
from pyrovae.likelihoods import Likelihood
from pyrovae.models import ResidualNormalBlock, TopDownBlock, TopDownLayer, TopDownVAE
from pyrovae.nn import MLP, Activation, Bottleneck, Network, ResidualDecoder, ResidualEncoder
from pyrovae.nn.conv import halved
from pyrovae.nn.convolution import WeightNorm, begin_small
from pyrovae.nn.network import as_size, check_layers
from pyrovae.posteriors import NormalPosterior

__all__ = ["DeepHierarchicalVAE", "DenseHierarchicalVAE"]

Posteriors = Literal["relative", "free"]
N = TypeVar("N", ResidualEncoder, ResidualDecoder)


class DeepHierarchicalVAE(TopDownVAE):
    """A `TopDownVAE` for images, whose layers stand at several resolutions.

    Each resolution has half the height and width of the one before, rounded up. The encoders are
    residual networks from one to the next; at each there are so many layers, whose latents are maps
    of that size. Priors, posteriors and the path are residual networks, too, or with ``bottleneck``
    a `Bottleneck` each; each layer's part of the path begins small, so that many layers train from
    the start::

        path = (16, 28, 28)
        likelihood = BernoulliLikelihood(ResidualDecoder(path, (1, 28, 28), channels=(16,)))
        vae = DeepHierarchicalVAE(likelihood, channels=(16, 32, 64), layers=(2, 3, 3))

    Child, 2021, https://arxiv.org/abs/2011.10650; Vahdat and Kautz, 2020,
    https://arxiv.org/abs/2007.03898.

    Args:
        likelihood: p(x|h), of the path at the first resolution that has layers.
        channels: Channels of path and features at each resolution, from the image's size on.
        layers: Layers of latents at each resolution, likewise; 0 at the first ones leaves these to
            the first encoder and the likelihood's network.
        latent_features: Channels of each latent.
        blocks: Residual blocks of each network at each resolution.
        bottleneck: By what the channels are divided within a block. From 2 on, with a single block
            for each network of a layer, a hierarchy takes a small part of the time: many layers on
            a small machine.
        posteriors: How a layer's posterior is given: ``"relative"`` by its difference from the prior
            (`ResidualNormalBlock`), ``"free"`` on its own (`TopDownBlock`).
        weight_norm: How weights are normalised; see `ResidualEncoder`.
        checkpointing: Whether blocks are run again in the backward pass; see `ResidualEncoder`.

    Raises:
        ValueError: If a size does not fit, or the likelihood reads a path of another shape.
    """

    def __init__(
        self,
        likelihood: Likelihood,
        *,
        channels: Sequence[int] = (16, 32),
        layers: Sequence[int] = (2, 2),
        latent_features: int = 8,
        blocks: int = 1,
        bottleneck: int = 1,
        posteriors: Posteriors = "relative",
        weight_norm: WeightNorm = "none",
        checkpointing: bool = False,
    ) -> None:
        data_shape = likelihood.data_shape
        if data_shape is None:
            raise ValueError("likelihood: expected one that declares its data_shape")
        as_size(latent_features, "latent_features")
        first, shapes = _path(data_shape, channels, layers)
        if likelihood.latent_shape != shapes[first]:
            raise ValueError(
                f"likelihood: expected one that reads the path {tuple(shapes[first])}, got one that "
                f"reads {likelihood.latent_shape}"
            )
        made = _Maker(
            posteriors,
            latent_features,
            sum(layers),
            blocks,
            as_size(bottleneck, "bottleneck").numel(),
            {"weight_norm": weight_norm, "checkpointing": checkpointing},
        )
        stack = []
        for level in range(first, len(layers)):
            above = shapes[level - 1] if level > first else None
            for layer in range(layers[level]):
                # The lowest layer of a resolution leads to the one above.
                stack.append(made.block(shapes[level], above if layer == 0 else None))
        encoders = [
            made.network(ResidualEncoder, data_shape, shapes[first], channels[: first + 1])
        ]
        for level in range(first + 1, len(shapes)):
            pair = channels[level - 1 : level + 1]
            encoders.append(made.network(ResidualEncoder, shapes[level - 1], shapes[level], pair))
        super().__init__(stack, encoders, likelihood)

    @classmethod
    def decoder_shape(
        cls,
        latent_shape: Size,
        data_shape: Size,
        *,
        channels: Sequence[int] = (16, 32),
        layers: Sequence[int] = (2, 2),
        **options: Any,
    ) -> Size:
        """The path at the first resolution that has layers."""
        first, shapes = _path(data_shape, channels, layers)
        return shapes[first]


def _path(
    data_shape: Size, channels: Sequence[int], layers: Sequence[int]
) -> tuple[int, list[Size]]:
    """The first resolution that has layers, and the path's shape at each."""
    check_layers(channels, "channels")
    first = next((level for level, n in enumerate(layers) if n), len(layers))
    if (
        len(layers) != len(channels)
        or not layers
        or min([*layers[first:], 0]) < 0
        or not (all(n >= 1 for n in layers[first:]) and first < len(layers))
    ):
        raise ValueError(
            "layers: expected a number for each of the channels, at least 1 after leading zeros, "
            f"got {list(layers)} and channels {list(channels)}"
        )
    if len(data_shape) != 3:
        raise ValueError(
            "likelihood: expected one of images (channels, height, width), got one of data "
            f"{tuple(data_shape)}"
        )
    sizes = halved(data_shape[1:], len(channels) - 1)
    return first, [Size([c, *size]) for c, size in zip(channels, sizes, strict=True)]


class DenseHierarchicalVAE(TopDownVAE):
    """A `TopDownVAE` whose path and latents are vectors, for any data.

    The encoder says once what the data are; priors, posteriors and the steps of the path are
    multilayer perceptrons. Each step begins small, so that many layers train from the start. A
    layer costs a few matrix products: many layers on a small machine::

        encoder = ConvEncoder((1, 28, 28), 256, channels=(32, 64))
        likelihood = BernoulliLikelihood(ConvDecoder(256, (1, 28, 28), channels=(64, 32)))
        vae = DenseHierarchicalVAE(encoder, likelihood, path_features=256, layers=12)

    Sonderby et al., 2016, Ladder variational autoencoders, https://arxiv.org/abs/1602.02282; Child,
    2021, https://arxiv.org/abs/2011.10650 (the path).

    Args:
        encoder: From the data to the features, a vector that every layer reads.
        likelihood: p(x|h), of the path.
        path_features: Length of the path, and of the encoder's features.
        layers: Layers of latents.
        latent_features: Latents of each.
        hidden: Hidden layers of each network.
        activation: Nonlinearity between these.
        posteriors: As for `DeepHierarchicalVAE`.

    Raises:
        ValueError: If a size does not fit.
    """

    def __init__(
        self,
        encoder: Network,
        likelihood: Likelihood,
        *,
        path_features: int = 256,
        layers: int = 8,
        latent_features: int = 8,
        hidden: Sequence[int] = (256,),
        activation: Activation = "silu",
        posteriors: Posteriors = "relative",
    ) -> None:
        path = as_size(path_features, "path_features")
        check_agreement("path", {"path_features": path, "likelihood": likelihood.latent_shape})
        check_agreement("features", {"path_features": path, "encoder": encoder.out_shape})
        count, latents = (
            as_size(size, name).numel()
            for size, name in ((layers, "layers"), (latent_features, "latent_features"))
        )
        options: dict[str, Any] = {"activation": activation}

        def layer() -> TopDownLayer:
            prior = NormalPosterior(MLP(path, hidden, 2 * latents, **options))
            network = MLP(2 * path[0], hidden, 2 * latents, **options)
            merge = MLP(path[0] + latents, hidden, path, **options)
            begin_small(merge.layers[-1], count**-0.5)
            return _block(posteriors, prior, network, merge)

        super().__init__([layer() for _ in range(count)], [encoder], likelihood)

    @classmethod
    def encoder_shape(
        cls, latent_shape: Size, *, path_features: int = 256, **options: Any
    ) -> Size:
        """As long as the path."""
        return as_size(path_features, "path_features")

    @classmethod
    def decoder_shape(
        cls, latent_shape: Size, data_shape: Size, *, path_features: int = 256, **options: Any
    ) -> Size:
        """The path."""
        return as_size(path_features, "path_features")


def _block(posteriors: str, prior: NormalPosterior, network: Network, merge: Network) -> Any:
    if posteriors == "relative":
        return ResidualNormalBlock(prior, network, merge)
    if posteriors != "free":
        raise ValueError(f"posteriors: expected 'relative' or 'free', got {posteriors!r}")
    return TopDownBlock(prior, NormalPosterior(network), merge)


@dataclass
class _Maker:
    """Makes the parts, all with the same options."""

    posteriors: Posteriors
    latents: int
    layers: int
    blocks: int
    bottleneck: int
    options: dict[str, Any]

    def network(self, kind: type[N], read: Size, out: Size, channels: Sequence[int]) -> N:
        """From one resolution to another."""
        made: Any = kind
        network: N = made(
            read,
            out,
            channels=list(channels),
            blocks=self.blocks,
            bottleneck=self.bottleneck,
            **self.options,
        )
        return network

    def beside(self, read: Size, out: Size, width: int, share: float = 1.0) -> Network:
        """At one resolution, where the path has so many channels."""
        if self.bottleneck == 1:
            network = self.network(ResidualEncoder, read, out, [width])
            if share < 1:
                begin_small(network.last[-1], share)
            return network
        inner = max(1, width // self.bottleneck)
        return Bottleneck(read, out, width=inner, share=share, **self.options)

    def block(self, path: Size, above: Size | None) -> TopDownLayer:
        """A layer on a path of this shape, which goes on in the shape above it, if that is one."""
        width, *size = path
        numbers = Size([2 * self.latents, *size])
        prior = NormalPosterior(self.beside(path, numbers, width))
        network = self.beside(Size([2 * width, *size]), numbers, width)
        beside = Size([width + self.latents, *size])
        merge: Any
        if above is None:
            merge = self.beside(beside, path, width, self.layers**-0.5)
        else:
            merge = self.network(ResidualDecoder, beside, above, [width, above[0]])
        made: TopDownLayer = _block(self.posteriors, prior, network, merge)
        return made
