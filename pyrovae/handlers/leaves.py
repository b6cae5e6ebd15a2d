"""Cutting the graph at the draws of a guide, for gradients that flow back along several paths."""

from typing import Any, NamedTuple

import torch
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message
from torch import Tensor

from pyrovae.distributions.unwrap import family
from pyrovae.handlers.sites import is_latent
from pyrovae.latents import is_point_mass

__all__ = ["Draw", "DrawLeaves", "send_back"]


class Draw(NamedTuple):
    """A latent that was drawn, and the leaf tensor that replaces it.

    Attributes:
        fn: The distribution of the latent.
        sample: The draw, with the graph that leads back to the guide's parameters.
        leaf: The same numbers, without a graph behind them.
    """

    fn: Any
    sample: Tensor
    leaf: Tensor


class DrawLeaves(Messenger):
    """Cuts the graph at each latent that a guide draws, and keeps both ends.

    Everything after a draw (later sites of the guide, all densities, the model that is replayed)
    sees a leaf tensor. So the gradient with respect to the latents can be computed, changed, and
    sent back through the samples (`send_back`). The guide runs once. A trace of it has each site's
    `Draw` under ``site["infer"]["draw"]``.

    Args:
        paths: Whether gradients are sent back through the samples.

    Attributes:
        draws: The latents by name, in the order in which they were drawn.

    Raises:
        ValueError: If gradients are to flow back through a site that is not reparameterised, or
            come from the density of a point mass. The message names the site.
    """

    def __init__(self, *, paths: bool = True) -> None:
        super().__init__()
        self.paths = paths
        self.draws: dict[str, Draw] = {}

    def __enter__(self) -> Any:
        self.draws = {}
        return super().__enter__()

    def _pyro_sample(self, msg: Message) -> None:
        if msg["done"] or not is_latent(msg):
            return
        fn: Any = msg["fn"]
        name = str(msg["name"])
        if self.paths and not fn.has_rsample:
            raise ValueError(
                f"site {name!r}: {family(fn)} is not reparameterised, so no gradient passes "
                "through its draws"
            )
        if not self.paths and is_point_mass(fn):
            raise ValueError(
                f"site {name!r}: {family(fn)} is a point mass, whose log-probability gives the "
                "guide no gradient"
            )
        sample = fn()
        # Straight-through draws carry the relaxed value beside the rounded one; a leaf cannot.
        if hasattr(sample, "_unquantize"):
            raise ValueError(
                f"site {name!r}: the draws of {family(fn)} are rounded (straight-through), so it "
                "has no density at their values"
            )
        leaf = sample.detach()
        if self.paths:
            leaf.requires_grad_()
        self.draws[name] = Draw(fn, sample, leaf)
        msg["infer"] = {**(msg["infer"] or {}), "draw": self.draws[name]}
        msg["value"] = leaf
        msg["done"] = True


def send_back(
    draws: list[Draw], gradients: list[Tensor], shares: list[Tensor] | None = None
) -> Tensor:
    """Sends gradients with respect to the leaves back through the samples that they replaced.

    The last site comes first: the sample of a later site depends on the leaves of earlier ones and
    adds to their gradients.

    Args:
        draws: All draws of a guide, in order.
        gradients: One gradient for each leaf.
        shares: Factors for the total gradient that has come back to each sample, applied before it
            goes on to the guide's parameters. All 1, if left out.

    Returns:
        A 0-dim surrogate whose gradient with respect to the guide's parameters is the wanted one.
    """
    totals = list(gradients)
    for i in range(len(draws) - 1, 0, -1):
        if not draws[i].sample.requires_grad:
            continue
        passed = torch.autograd.grad(
            draws[i].sample,
            [draw.leaf for draw in draws[:i]],
            totals[i],
            retain_graph=True,
            allow_unused=True,
        )
        for j, gradient in enumerate(passed):
            if gradient is not None:
                totals[j] = totals[j] + gradient
    if shares is not None:
        totals = [total * share for total, share in zip(totals, shares, strict=True)]
    products = (draw.sample * total for draw, total in zip(draws, totals, strict=True))
    return torch.stack([product.sum() for product in products]).sum()
