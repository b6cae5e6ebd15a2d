"""Many layers of latents along a top-down path."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pyro
import torch
from torch import Tensor, nn

from pyrovae.checks import check_agreement
from pyrovae.likelihoods.base import Likelihood
from pyrovae.models.base import LatentVariableModel
from pyrovae.models.topdown_blocks import TopDownLayer
from pyrovae.nn.network import Network
from pyrovae.recent import Recent

__all__ = ["TopDownVAE"]


class TopDownVAE(LatentVariableModel):
    r"""A deep hierarchy: layers of latents along a top-down path that model and guide share.

    .. math:: p(x, z) = \prod_{l=L}^{1} p(z_l \mid h_l) \; p(x \mid h_0), \qquad
        q(z \mid x) = \prod_{l=L}^{1} q(z_l \mid h_l, d_l(x)), \qquad
        h_{l-1} = f_l(h_l, z_l)

    The path :math:`h` starts with a learned constant, and each block updates it with its latent.
    So :math:`h_l` is a function of all latents above, and each layer depends on all of them
    instead of only the next one. The encoders first go up from the data without drawing; their
    outputs :math:`d` are read on the way down. The sites are ``"z1"`` (next to the data) to
    ``"zL"`` (the top), and ``"x"``. Samples from the model follow the same path, with priors
    instead of posteriors.

    Blocks are `TopDownBlock` and `ResidualNormalBlock`, made of networks and posteriors, or
    subclasses of `TopDownLayer`; `pyrovae.hierarchy.DeepHierarchicalVAE` makes them for images. A
    block reads the last encoder output that has the shape of its features. With `FreeBitsELBO`,
    each layer has its own free nats.

    Vahdat and Kautz, 2020, NVAE: a deep hierarchical variational autoencoder,
    https://arxiv.org/abs/2007.03898; Child, 2021, Very deep VAEs generalize autoregressive models
    and can outperform them on images, https://arxiv.org/abs/2011.10650.

    Args:
        blocks: The layers, from the bottom to the top: ``blocks[0]`` draws ``"z1"``.
        encoders: The networks of the upward path, starting from the data.
        likelihood: p(x|h), given the path below the last block.

    Raises:
        ValueError: If there are no blocks or no encoders, or the shapes do not fit.
    """

    def __init__(
        self,
        blocks: Sequence[TopDownLayer],
        encoders: Sequence[Network],
        likelihood: Likelihood,
    ) -> None:
        super().__init__()
        for name, parts in (("blocks", blocks), ("encoders", encoders)):
            if not parts:
                raise ValueError(f"{name}: expected at least one, got none")
        check_agreement(
            "path above the data",
            {"block of z1": blocks[0].out_shape, "likelihood": likelihood.latent_shape},
        )
        check_agreement(
            "datum", {"encoder": encoders[0].in_shape, "likelihood": likelihood.data_shape}
        )
        for i, (below, above) in enumerate(pairwise(blocks), 1):
            shapes = {f"block of z{i}": below.in_shape, f"block of z{i + 1}": above.out_shape}
            check_agreement(f"path above z{i}", shapes)
        for first, second in pairwise(encoders):
            shapes = {"encoder": first.out_shape, "the next one": second.in_shape}
            check_agreement("output of an encoder", shapes)
        said = [tuple(encoder.out_shape) for encoder in encoders]
        for i, block in enumerate(blocks, 1):
            if tuple(block.features_shape) not in said:
                raise ValueError(
                    f"block of z{i}: expected it to read the output of an encoder, of shape "
                    f"{' or '.join(map(str, dict.fromkeys(said)))}, but it reads features of "
                    f"shape {tuple(block.features_shape)}"
                )
        self.blocks = nn.ModuleList(blocks)
        self.encoders = nn.ModuleList(encoders)
        self.likelihood = likelihood
        self._recent = Recent()
        self.start = nn.Parameter(torch.randn(blocks[-1].in_shape))
        self.data_shape = encoders[0].in_shape

    def model(self, x: Tensor) -> Any:
        """p(zL|h) ... p(z1|h) p(x|h), for data ``(n, *data_shape)``."""
        with self.data_plate(x):
            h = self._start(x)
            for name, block in self._down():
                z = pyro.sample(name, block.prior_at(h))
                h = block(h, z)
            self._forget()
            return pyro.sample("x", self.likelihood(h), obs=x)

    def guide(self, x: Tensor) -> Any:
        """q(zL|h, x) ... q(z1|h, x), for data ``(n, *data_shape)``."""
        self._forget()
        with self.data_plate(x):
            said = {}
            features = x
            for encoder in self.encoders:
                features = encoder(features)
                said[encoder.out_shape] = features
            h = self._start(x)
            for name, block in self._down():
                z = pyro.sample(name, block.posterior_at(h, said[block.features_shape]))
                h = block(h, z)

    def _down(self) -> Iterator[tuple[str, Any]]:
        """Yields the blocks from the top to the bottom, each with the name of its latent."""
        for i in range(len(self.blocks), 0, -1):
            yield f"z{i}", self.blocks[i - 1]

    def _start(self, x: Tensor) -> Tensor:
        return self._recent("start", _expanded, None, self.start, len(x))

    def _forget(self) -> None:
        for holder in (self._recent, *self.blocks):
            holder.forget()


def _expanded(start: Tensor, n: int) -> Tensor:
    return start.expand(n, *start.shape)
