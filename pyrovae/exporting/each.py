"""A program of one datum, run for each datum of a batch: one operation after another for all data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

__all__ = ["Each"]

aten = torch.ops.aten
#: Operations that treat each row of their first arguments alone, whatever is in the other rows;
#: how many arguments have such rows. What comes after them (weights, sizes) is the same for all rows.
ROWS: dict[Any, int] = {
    aten.convolution.default: 1,
    aten.upsample_nearest1d.default: 1,
    aten.upsample_nearest2d.default: 1,
    aten.upsample_nearest3d.default: 1,
    aten._upsample_nearest_exact1d.default: 1,
    aten._upsample_nearest_exact2d.default: 1,
    aten._upsample_nearest_exact3d.default: 1,
    aten.upsample_linear1d.default: 1,
    aten.upsample_bilinear2d.default: 1,
    aten.upsample_bicubic2d.default: 1,
    aten.upsample_trilinear3d.default: 1,
    aten.avg_pool2d.default: 1,
    aten.avg_pool3d.default: 1,
    aten._adaptive_avg_pool2d.default: 1,
    aten._adaptive_avg_pool3d.default: 1,
    aten.max_pool2d_with_indices.default: 1,
    aten.max_pool3d_with_indices.default: 1,
    aten.adaptive_max_pool2d.default: 1,
    aten.adaptive_max_pool3d.default: 1,
    aten.reflection_pad1d.default: 1,
    aten.reflection_pad2d.default: 1,
    aten.reflection_pad3d.default: 1,
    aten.replication_pad1d.default: 1,
    aten.replication_pad2d.default: 1,
    aten.replication_pad3d.default: 1,
    aten.pixel_shuffle.default: 1,
    aten.pixel_unshuffle.default: 1,
    aten.channel_shuffle.default: 1,
    aten.im2col.default: 1,
    aten.col2im.default: 1,
    aten.grid_sampler_2d.default: 2,
    aten.grid_sampler_3d.default: 2,
    aten._scaled_dot_product_flash_attention_for_cpu.default: 3,
}


@dataclass(frozen=True)
class _Batched:
    """A value that differs between data: that of the datum ``i`` is ``all[i]``."""

    all: Tensor


class Each(nn.Module):
    """Runs a program of one datum for each datum of a batch.

    Args:
        one: Tensor operations, from inputs ``(1, ...)`` to outputs ``(1, ...)``.
    """

    def __init__(self, one: fx.GraphModule) -> None:
        super().__init__()
        self.one = one

    def forward(self, *batch: Tensor) -> tuple[Tensor, ...]:
        """Maps inputs ``(n, ...)`` to outputs ``(n, ...)``."""
        given = [_Batched(value.unsqueeze(1)) for value in batch]
        n = batch[0].shape[0]  # a symbol, which len() would take for a number
        found = _Batching(self.one).run(*given)
        return tuple(_all(value, n).squeeze(1) for value in found)


class _Batching(fx.Interpreter):
    """Runs each operation for all data.

    Torch's rules of batching do it, but that many of these take the number of data for a constant:
    a convolution's and their kin's rows are multiplied instead.
    """

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Gives one operation's result, batched where one of its arguments is."""
        flat, form = tree_flatten((args, kwargs))
        sizes = [value.all.shape[0] for value in flat if isinstance(value, _Batched)]
        random = torch.Tag.nondeterministic_seeded in getattr(target, "tags", ())
        if random and target not in ROWS:  # attention bears the tag for its dropout alone
            raise NotImplementedError(f"{target} draws random numbers")
        # Neither an item of several results nor what is the same for all data takes batching.
        if not isinstance(target, torch._ops.OpOverload) or not sizes:
            return super().call_function(target, args, kwargs)
        if target in ROWS:
            return _by_rows(target, sizes[0], args, kwargs)

        def single(*values: Any) -> Any:
            args, kwargs = tree_unflatten(list(values), form)
            return target(*args, **kwargs)

        where = tuple(0 if isinstance(value, _Batched) else None for value in flat)
        values = [value.all if isinstance(value, _Batched) else value for value in flat]
        return tree_map(_Batched, torch.vmap(single, where)(*values))


def _by_rows(target: Any, n: int, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Runs an operation on the rows of all data."""
    rows, rest = args[: ROWS[target]], args[ROWS[target] :]
    if any(isinstance(value, _Batched) for value in tree_flatten((rest, kwargs))[0]):
        raise NotImplementedError(f"{target}: expected the same weights for all data")
    each = [_all(value, n) for value in rows]
    found = target(*(value.flatten(0, 1) for value in each), *rest, **kwargs)
    return tree_map(lambda value: _Batched(value.unflatten(0, (n, -1))), found)


def _all(value: Tensor | _Batched, n: int) -> Tensor:
    """A value for each of ``n`` data."""
    return value.all if isinstance(value, _Batched) else value.expand(n, *value.shape)
