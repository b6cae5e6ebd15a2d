"""Operations that torch cannot batch for any number of data, by others that it can."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["DECOMPOSITIONS"]

aten = torch.ops.aten
#: Of so many values one is found by comparison at most: beyond, it would take much memory.
MOST = 4096


def gather(x: Tensor, dim: int, index: Tensor, **_: Any) -> Tensor:
    """Gathers along a dimension."""
    if not x.dim():
        return x.expand(index.shape)
    x, index = x.movedim(dim, -1), index.movedim(dim, -1)
    for other, size in enumerate(index.shape[:-1]):
        x = x.narrow(other, 0, size)
    return _chosen(x, index).movedim(-1, dim)


def index_select(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """Selects along a dimension."""
    return _chosen(x.movedim(dim, -1), index).movedim(-1, dim)


def index(x: Tensor, indices: Sequence[Tensor | None]) -> Tensor:
    """Indexes one dimension by a vector; anything else stays as it is."""
    *before, last = indices
    if (
        last is None
        or last.dim() != 1
        or last.dtype != torch.long
        or any(place is not None for place in before)
        or x.shape[len(before)] > MOST
    ):
        return NotImplemented
    return index_select(x, len(before), last)


def select_scatter(x: Tensor, source: Tensor, dim: int, place: int) -> Tensor:
    """Puts values at one place of a dimension."""
    n = x.shape[dim]
    here = torch.arange(n, device=x.device) == place % n
    here = here.reshape([n if other == dim % x.dim() else 1 for other in range(x.dim())])
    return torch.where(here, source.unsqueeze(dim), x)


def fill(x: Tensor, value: Tensor) -> Tensor:
    """One value everywhere."""
    return value.to(x.dtype).expand(x.shape)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Joins tensors, each filled with zeros to the whole length, by adding them up."""
    first = tensors[0]
    dim = dim % first.dim()
    if any(t.dim() != first.dim() for t in tensors):
        return NotImplemented
    whole, start = sum(t.shape[dim] for t in tensors), 0
    total: Tensor | None = None
    for t in tensors:
        end = whole - start - t.shape[dim]
        wide = aten.constant_pad_nd.default(t, [0, 0] * (t.dim() - 1 - dim) + [start, end])
        total = wide if total is None else total + wide
        start += t.shape[dim]
    assert total is not None
    return total


def copy(x: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    """Takes the values of another tensor."""
    return source.to(x.dtype).expand(x.shape)


def _chosen(x: Tensor, index: Tensor) -> Tensor:
    """The values at places in the last dimension, found by comparison: it takes no indexing."""
    chosen = index.unsqueeze(-1) == torch.arange(x.shape[-1], device=x.device)
    found = torch.where(chosen, x.unsqueeze(-2), torch.zeros((), dtype=x.dtype))
    return found.sum(-1, dtype=x.dtype)


def index_put(
    x: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool = False
) -> Tensor:
    """Puts one value where a mask is true; anything else stays as it is."""
    mask = indices[0]
    if (
        len(indices) != 1
        or mask is None
        or mask.dtype != torch.bool
        or mask.shape != x.shape
        or values.numel() != 1
        or accumulate
    ):
        return NotImplemented
    return torch.where(mask, values.reshape(()), x)


Normalised = tuple[Tensor, Tensor, Tensor]


def layer_norm(
    x: Tensor, shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> Normalised:
    """Normalises the last dimensions, by moments."""
    found, mean, scale = _normalised(x, list(range(x.dim() - len(shape), x.dim())), eps)
    found = found if weight is None else found * weight
    return found if bias is None else found + bias, mean, scale


def group_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    n: int,
    channels: int,
    places: int,
    groups: int,
    eps: float,
) -> Normalised:
    """Normalises groups of channels, by moments."""
    apart = x.reshape(n, groups, channels // groups * places)
    found, mean, scale = _normalised(apart, [2], eps)
    found = _affine(found.reshape(x.shape), weight, bias)
    return found, mean.squeeze(2), scale.squeeze(2)


def batch_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Normalised:
    """Normalises channels, by the moments that are given or, without them, by its own."""
    if training or mean is None or var is None:
        found, mean, scale = _normalised(x, [0, *range(2, x.dim())], eps)
    else:
        scale = (var + eps).rsqrt()
        found = (x - _of_channels(mean, x)) * _of_channels(scale, x)
    found = _affine(found, weight, bias)
    return found, mean.reshape(-1), scale.reshape(-1)


def _normalised(x: Tensor, dims: list[int], eps: float) -> Normalised:
    mean = x.mean(dims, keepdim=True)
    scale = (x.var(dims, correction=0, keepdim=True) + eps).rsqrt()
    return (x - mean) * scale, mean, scale


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * _of_channels(weight, x)
    return x if bias is None else x + _of_channels(bias, x)


def _of_channels(value: Tensor, x: Tensor) -> Tensor:
    """A number for each channel, for tensors whose second dimension they are."""
    return value.reshape(-1, *(1,) * (x.dim() - 2))


DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    aten.cat.default: cat,
    aten.copy.default: copy,
    aten.fill.Tensor: fill,
    aten.gather.default: gather,
    aten.select_scatter.default: select_scatter,
    aten.index.Tensor: index,
    aten.index_select.default: index_select,
    aten.index_put.default: index_put,
    aten.native_layer_norm.default: layer_norm,
    aten.native_group_norm.default: group_norm,
    aten.native_batch_norm.default: batch_norm,
}
