"""The residual encoder and decoder in JAX, on weights that lie as torch's layers have them."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.speed.cases import Case, groups

__all__ = ["residuals"]

Arrays = list[jax.Array]


def convolve(x: jax.Array, weight: jax.Array, bias: jax.Array, *, stride: int = 1) -> jax.Array:
    """A convolution that keeps the size, or halves it. XLA itself chooses how images lie."""
    padding = weight.shape[-1] // 2
    found = lax.conv_general_dilated(
        x,
        weight,
        (stride, stride),
        [(padding, padding)] * 2,
        dimension_numbers=("NCHW", "OIHW", "NCHW"),
    )
    return found + bias[:, None, None]


def normalized(h: jax.Array, weight: jax.Array, bias: jax.Array) -> jax.Array:
    """Group normalisation and the nonlinearity after it."""
    grouped = h.reshape(len(h), groups(len(weight)), -1)
    mean, variance = grouped.mean(-1, keepdims=True), grouped.var(-1, keepdims=True)
    h = ((grouped - mean) * lax.rsqrt(variance + 1e-5)).reshape(h.shape)
    return jax.nn.silu(h * weight[:, None, None] + bias[:, None, None])


def residuals(case: Case) -> tuple[Callable[..., jax.Array], Callable[..., jax.Array]]:
    """Encoder and decoder of a case, as functions of their weights in torch's order."""
    levels, lowest = len(case.hidden), case.side // 2 ** (len(case.hidden) - 1)

    def blocks(h: jax.Array, following: Iterator[Any]) -> jax.Array:
        for _ in range(case.blocks):
            first, inner, second, last = (next(following) for _ in range(4))
            branch = convolve(normalized(h, *first), *inner)
            h = h + convolve(normalized(branch, *second), *last)
        return h

    def parts(arrays: Arrays, first: int, last: int) -> tuple[Any, Iterator[Any], Any]:
        """The pairs of weight and bias: of the first layers, those between, and the last ones."""
        pairs = list(zip(arrays[::2], arrays[1::2], strict=True))
        between = len(pairs) - first - last
        return pairs[between : between + first], iter(pairs[:between]), pairs[-last:]

    def encode(arrays: Arrays, x: jax.Array) -> jax.Array:
        (first,), following, (norm, (weight, bias)) = parts(arrays, 1, 2)
        h = convolve(x.reshape(-1, 1, case.side, case.side), *first)
        h = blocks(h, following)
        for _ in range(levels - 1):
            h = blocks(convolve(h, *next(following), stride=2), following)
        return normalized(h, *norm).reshape(len(x), -1) @ weight.T + bias

    def decode(arrays: Arrays, z: jax.Array) -> jax.Array:
        ((weight, bias),), following, (norm, last) = parts(arrays, 1, 2)
        leading, z = z.shape[:-1], z.reshape(-1, z.shape[-1])
        h = (z @ weight.T + bias).reshape(len(z), -1, lowest, lowest)
        h = blocks(h, following)
        for _ in range(levels - 1):
            h = jnp.repeat(jnp.repeat(h, 2, axis=-1), 2, axis=-2)
            h = blocks(convolve(h, *next(following)), following)
        return convolve(normalized(h, *norm), *last).reshape(*leading, case.pixels)

    return encode, decode
