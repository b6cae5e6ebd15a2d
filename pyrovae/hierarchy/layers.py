"""The layers of a deep hierarchy, made with the same options."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from torch import Size

from pyrovae.models import ResidualNormalBlock, TopDownBlock, TopDownLayer
from pyrovae.nn import Bottleneck, Network, ResidualDecoder, ResidualEncoder
from pyrovae.nn.convolution import begin_small
from pyrovae.posteriors import NormalPosterior

__all__ = ["Heads", "LayerMaker", "Posteriors", "make_block"]


Posteriors = Literal["relative", "free"]
Heads = Literal["maps", "places"]
N = TypeVar("N", ResidualEncoder, ResidualDecoder)


def make_block(posteriors: str, prior: NormalPosterior, network: Network, merge: Network) -> Any:
    """Makes a layer whose posterior is relative to its prior, or free of it."""
    if posteriors == "relative":
        return ResidualNormalBlock(prior, network, merge)
    if posteriors != "free":
        raise ValueError(f"posteriors: expected 'relative' or 'free', got {posteriors!r}")
    return TopDownBlock(prior, NormalPosterior(network), merge)


@dataclass
class LayerMaker:
    """Makes the parts, all with the same options."""

    posteriors: Posteriors
    latents: int
    layers: int
    blocks: int
    bottleneck: int
    heads: Heads
    options: dict[str, Any]

    def network(
        self, kind: type[N], read: Size, out: Size, channels: Sequence[int], patch: int = 1
    ) -> N:
        """From one resolution to another."""
        made: Any = kind
        network: N = made(
            read,
            out,
            channels=list(channels),
            blocks=self.blocks,
            bottleneck=self.bottleneck,
            patch=patch,
            **self.options,
        )
        return network

    def __post_init__(self) -> None:
        if self.heads not in get_args(Heads):
            raise ValueError(f"heads: expected 'maps' or 'places', got {self.heads!r}")

    def head(self, read: Size, out: Size, width: int) -> Network:
        """To a latent's numbers."""
        if self.heads == "maps":
            return self.beside(read, out, width)
        return Bottleneck(read, out, width=width, kernels=(1, 1), **self.options)

    def beside(self, read: Size, out: Size, width: int, share: float = 1.0) -> Network:
        """At one resolution, where the path has so many channels."""
        if self.heads == "places":
            return Bottleneck(read, out, width=width, kernels=(3, 3), share=share, **self.options)
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
        prior = NormalPosterior(self.head(path, numbers, width))
        network = self.head(Size([2 * width, *size]), numbers, width)
        beside = Size([width + self.latents, *size])
        merge: Any
        if above is None:
            merge = self.beside(beside, path, width, self.layers**-0.5)
        else:
            merge = self.network(ResidualDecoder, beside, above, [width, above[0]])
        made: TopDownLayer = make_block(self.posteriors, prior, network, merge)
        return made
