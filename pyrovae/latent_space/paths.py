"""Paths through a latent space, from one code to another."""

import math
from collections.abc import Callable
from typing import Final, Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from pyrovae.distributions.ball import exponential, logarithm, translate
from pyrovae.latents import LatentKind

__all__ = ["PATHS", "Path", "circular", "hyperbolic", "paths_within", "spherical", "straight"]

Path = Literal["straight", "spherical", "circular", "hyperbolic"]


def straight(start: Tensor, end: Tensor, weights: Tensor) -> Tensor:
    r"""Points of the straight line, :math:`(1 - t) \, a + t \, b`.

    Args:
        start: The codes :math:`a`, ``(n, *latent_shape)``.
        end: The codes :math:`b`, ``(n, *latent_shape)``.
        weights: Positions on the path, :math:`t` from 0 to 1, ``(steps,)``.

    Returns:
        The points, ``(n, steps, *latent_shape)``; at 0 and 1 exactly the codes themselves.
    """
    return torch.lerp(start.unsqueeze(1), end.unsqueeze(1), _beside(weights, start))


def spherical(start: Tensor, end: Tensor, weights: Tensor) -> Tensor:
    r"""Points on a great circle: the direction turns evenly, and the norm changes evenly.

    .. math:: z_t = \bigl((1 - t) \lVert a \rVert + t \lVert b \rVert\bigr)
        \frac{\sin((1 - t) \theta) \, \hat a + \sin(t \theta) \, \hat b}{\sin \theta}

    :math:`\theta` is the angle between the directions :math:`\hat a` and :math:`\hat b`. In high
    dimensions, draws from a normal prior all have nearly the same norm, and the middle of a
    straight line between two of them is shorter than any draw. This path keeps to norms that occur
    under the prior. Codes with the same direction, with opposite directions (which no single
    circle joins) or with norm zero are joined by the straight line.

    Shoemake, 1985, Animating rotation with quaternion curves,
    https://doi.org/10.1145/325334.325242; for latents White, 2016, Sampling generative networks,
    https://arxiv.org/abs/1609.04468.

    Args:
        start: The codes :math:`a`, ``(n, *latent_shape)``.
        end: The codes :math:`b`, ``(n, *latent_shape)``.
        weights: Positions on the path, :math:`t` from 0 to 1, ``(steps,)``.

    Returns:
        The points, ``(n, steps, *latent_shape)``.
    """
    line = straight(start, end, weights)
    t = weights.to(start)[:, None]
    a, b = (code.flatten(1).unsqueeze(1) for code in (start, end))
    first, last = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    norm = torch.lerp(first, last, t)
    a, b = normalize(a, dim=-1), normalize(b, dim=-1)
    # From chord lengths, since the arc cosine of a product near one is inaccurate at small angles.
    angle = 2 * torch.atan2((a - b).norm(dim=-1, keepdim=True), (a + b).norm(dim=-1, keepdim=True))
    sine = angle.sin()
    circle = ((1 - t) * angle).sin() * a + (t * angle).sin() * b
    turns = (sine > 1e-6) & (first > 0) & (last > 0)
    flat = torch.where(turns, norm * circle / sine, line.flatten(2))
    return flat.reshape(line.shape)


def circular(start: Tensor, end: Tensor, weights: Tensor) -> Tensor:
    r"""Points on the shorter way round the circle, for each angle separately.

    Args:
        start: The codes :math:`a`, angles in radians, ``(n, *latent_shape)``.
        end: The codes :math:`b`, ``(n, *latent_shape)``.
        weights: Positions on the path, :math:`t` from 0 to 1, ``(steps,)``.

    Returns:
        Angles from :math:`-\pi` to :math:`\pi`, ``(n, steps, *latent_shape)``.
    """
    shorter = _within_half_a_turn(end - start)
    return _within_half_a_turn(straight(start, start + shorter, weights))


def hyperbolic(start: Tensor, end: Tensor, weights: Tensor) -> Tensor:
    r"""Points on the geodesic in the unit ball of hyperbolic space, evenly spaced in its distance.

    .. math:: z_t = a \oplus \exp_0\bigl(t \, \log_0(-a \oplus b)\bigr)

    Ganea, Becigneul and Hofmann, 2018, Hyperbolic neural networks,
    https://arxiv.org/abs/1805.09112.

    Args:
        start: The codes :math:`a` in the ball, ``(n, d)``.
        end: The codes :math:`b`, ``(n, d)``.
        weights: Positions on the path, :math:`t` from 0 to 1, ``(steps,)``.

    Returns:
        The points, ``(n, steps, d)``.
    """
    a, b = start.double().unsqueeze(1), end.double().unsqueeze(1)
    t = weights.to(a)[:, None]
    return translate(a, exponential(t * logarithm(translate(-a, b)))).to(start.dtype)


def _within_half_a_turn(angle: Tensor) -> Tensor:
    return angle - 2 * math.pi * torch.round(angle / (2 * math.pi))


#: The paths by name.
PATHS: Final[dict[Path, Callable[[Tensor, Tensor, Tensor], Tensor]]] = {
    "straight": straight,
    "spherical": spherical,
    "circular": circular,
    "hyperbolic": hyperbolic,
}


def paths_within(kind: LatentKind | None) -> tuple[Path, ...]:
    """The names of the paths that stay inside a kind of latent space, the usual one first."""
    if kind == "circle":
        return ("circular",)
    return ("hyperbolic",) if kind == "ball" else ("straight", "spherical")


def _beside(weights: Tensor, codes: Tensor) -> Tensor:
    """Shapes the weights for broadcasting against codes ``(n, 1, *latent_shape)``."""
    return weights.to(codes).reshape(1, -1, *[1] * (codes.ndim - 1))
