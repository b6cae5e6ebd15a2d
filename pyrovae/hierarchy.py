"""Deep hierarchies: of maps at several resolutions, and of vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Size

from pyrovae.likelihoods import Likelihood
from pyrovae.models import ResidualNormalBlock, TopDownBlock, TopDownVAE
from pyrovae.nn import MLP, Activation, Bottleneck, Network, ResidualDecoder, ResidualEncoder
from pyrovae.nn.conv import halved, kernel_dimensions
from pyrovae.nn.convolution import WeightNorm, begin_small
from pyrovae.nn.network import as_size, check_layers
from pyrovae.posteriors import NormalPosterior

__all__ = ["dense_hierarchy", "residual_hierarchy"]

N = TypeVar("N", ResidualEncoder, ResidualDecoder)


def residual_hierarchy(
    likelihood: Likelihood,
    *,
    channels: Sequence[int],
    layers: Sequence[int],
    latent_channels: int = 8,
    blocks: int = 1,
    bottleneck: int = 1,
    block: type[TopDownBlock] | type[ResidualNormalBlock] = ResidualNormalBlock,
    weight_norm: WeightNorm = "none",
    checkpointing: bool = False,
) -> TopDownVAE:
    """A `TopDownVAE` for images, whose layers stand at several resolutions.

    Each resolution has half the height and width of the one before, rounded up. The encoders are
    residual networks from one to the next; at each there are so many layers, whose latents are maps
    of that size. Priors, posteriors and the path are residual networks, too, or with ``bottleneck``
    a `Bottleneck` each; each layer's part of the path begins small, so that many layers train from
    the start::

        path = (16, 28, 28)
        likelihood = BernoulliLikelihood(ResidualDecoder(path, (1, 28, 28), channels=(16,)))
        vae = residual_hierarchy(likelihood, channels=(16, 32, 64), layers=(2, 3, 3))

    Child, 2021, https://arxiv.org/abs/2011.10650; Vahdat and Kautz, 2020,
    https://arxiv.org/abs/2007.03898.

    Args:
        likelihood: p(x|h), of the path at the first resolution that has layers.
        channels: Channels of path and features at each resolution, from the image's size on.
        layers: Layers of latents at each resolution, likewise; 0 at the first ones leaves these to
            the first encoder and the likelihood's network.
        latent_channels: Channels of each latent.
        blocks: Residual blocks of each network at each resolution.
        bottleneck: By what the channels are divided within a block. From 2 on, with a single block
            for each network of a layer, a hierarchy takes a small part of the time: many layers on
            a small machine.
        block: The kind of blocks: how posteriors are given.
        weight_norm: How weights are normalised; see `ResidualEncoder`.
        checkpointing: Whether blocks are run again in the backward pass; see `ResidualEncoder`.

    Raises:
        ValueError: If a size does not fit, or the likelihood reads a path of another shape.
    """
    if likelihood.data_shape is None:
        raise ValueError("likelihood: expected one that declares the shape of its data")
    check_layers(channels, "channels")
    as_size(latent_channels, "latent_channels")
    first = next((level for level, n in enumerate(layers) if n), len(layers))
    if (
        len(layers) != len(channels)
        or not layers
        or min([*layers[first:], 0]) < 0
        or not (all(n >= 1 for n in layers[first:]) and first < len(layers))
    ):
        raise ValueError(
            "layers: expected a number for each of the channels, at least 1 from the first that is "
            f"not 0, got {list(layers)} and channels {list(channels)}"
        )
    sizes = halved(likelihood.data_shape[1:], len(channels) - 1)
    kernel_dimensions(likelihood.data_shape, "likelihood: data")
    shapes = [Size([c, *size]) for c, size in zip(channels, sizes, strict=True)]
    if likelihood.latent_shape != shapes[first]:
        raise ValueError(
            f"likelihood: expected one that reads the path {tuple(shapes[first])}, got one that "
            f"reads {likelihood.latent_shape}"
        )
    made = _Maker(
        block,
        latent_channels,
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
        made.network(ResidualEncoder, likelihood.data_shape, shapes[first], channels[: first + 1])
    ]
    for level in range(first + 1, len(shapes)):
        pair = channels[level - 1 : level + 1]
        encoders.append(made.network(ResidualEncoder, shapes[level - 1], shapes[level], pair))
    return TopDownVAE(stack, encoders, likelihood)


def dense_hierarchy(
    encoder: Network,
    likelihood: Likelihood,
    *,
    layers: int,
    latent_features: int = 8,
    hidden: Sequence[int] = (256,),
    activation: Activation = "silu",
    block: type[TopDownBlock] | type[ResidualNormalBlock] = ResidualNormalBlock,
) -> TopDownVAE:
    """A `TopDownVAE` whose path and latents are vectors, for any data.

    The encoder says once what the data are; priors, posteriors and the steps of the path are
    multilayer perceptrons. Each step begins small, so that many layers train from the start. A
    layer costs a few matrix products: many layers on a small machine::

        encoder = ConvEncoder((1, 28, 28), 256, channels=(32, 64))
        likelihood = BernoulliLikelihood(ConvDecoder(256, (1, 28, 28), channels=(64, 32)))
        vae = dense_hierarchy(encoder, likelihood, layers=12)

    Sonderby et al., 2016, Ladder variational autoencoders, https://arxiv.org/abs/1602.02282; Child,
    2021, https://arxiv.org/abs/2011.10650 (the path).

    Args:
        encoder: From the data to the features, a vector that every layer reads.
        likelihood: p(x|h), of the path, a vector.
        layers: Layers of latents.
        latent_features: Latents of each.
        hidden: Hidden layers of each network.
        activation: Nonlinearity between these.
        block: The kind of blocks: how posteriors are given.

    Raises:
        ValueError: If a size does not fit, or path or features are no vectors.
    """
    for name, shape in (("path", likelihood.latent_shape), ("features", encoder.out_shape)):
        if shape is None or len(shape) != 1:
            raise ValueError(f"{name}: expected a vector, got shape {shape}")
    (path,), (features,) = likelihood.latent_shape or (0,), encoder.out_shape
    count, latents = (
        as_size(size, name).numel()
        for size, name in ((layers, "layers"), (latent_features, "latent_features"))
    )

    def network(read: int, out: int) -> MLP:
        return MLP(read, hidden, out, activation=activation)

    def layer() -> Any:
        prior = NormalPosterior(network(path, 2 * latents))
        posterior: Any = network(path + features, 2 * latents)
        if block is TopDownBlock:
            posterior = NormalPosterior(posterior)
        merge = network(path + latents, path)
        begin_small(merge.layers[-1], count**-0.5)
        return block(prior, posterior, merge)

    return TopDownVAE([layer() for _ in range(count)], [encoder], likelihood)


@dataclass
class _Maker:
    """Makes the parts, all with the same options."""

    kind: Any
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

    def block(self, path: Size, above: Size | None) -> Any:
        """A layer on a path of this shape, which goes on in the shape above it, if that is one."""
        width, *size = path
        numbers = Size([2 * self.latents, *size])
        prior = NormalPosterior(self.beside(path, numbers, width))
        posterior: Any = self.beside(Size([2 * width, *size]), numbers, width)
        if self.kind is TopDownBlock:
            posterior = NormalPosterior(posterior)
        beside = Size([width + self.latents, *size])
        merge: Any
        if above is None:
            merge = self.beside(beside, path, width, self.layers**-0.5)
        else:
            merge = self.network(ResidualDecoder, beside, above, [width, above[0]])
        return self.kind(prior, posterior, merge)
