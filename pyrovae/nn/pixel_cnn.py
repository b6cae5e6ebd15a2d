"""Masked convolutions that see only earlier pixels."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from pyrovae.nn.causal import Causal, Step

__all__ = ["GatedPixelCNN"]


class GatedPixelCNN(Causal):
    r"""Gated convolutions that see the rows above, and earlier places in the same row.

    A vertical stack sees the rows above, and a horizontal stack the places to the left. The first
    feeds the second, so that all earlier places within reach of the kernels are seen, without a
    blind spot. Kernels are not masked; instead, the input of a stack is shifted by one row or
    column, and its kernels end at the place itself. Each layer has a gate, :math:`\tanh(a) \,
    \sigma(b)`.

    Going place by place, the vertical stack is computed once for each row. Both stacks keep the
    last rows and columns that their kernels reach (Ramachandran et al., 2017).

    van den Oord et al., 2016, Conditional image generation with PixelCNN decoders,
    https://arxiv.org/abs/1606.05328; Ramachandran et al., 2017, Fast generation for convolutional
    autoregressive models, https://arxiv.org/abs/1704.06001.

    Args:
        rows: Number of rows.
        columns: Number of columns.
        features: Number of channels of each layer.
        layers: Number of layers.
        kernel: Width and height of the kernels, odd.

    Raises:
        ValueError: If there is no layer or channel, or the size of the kernel is even.
    """

    def __init__(
        self, rows: int, columns: int, *, features: int, layers: int, kernel: int
    ) -> None:
        super().__init__()
        if features < 1:
            raise ValueError(f"features: expected at least 1, got {features}")
        if layers < 1:
            raise ValueError(f"layers: expected at least 1, got {layers}")
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"kernel: expected an odd size, got {kernel}")
        self.rows, self.columns = rows, columns
        self.layers = nn.ModuleList(_Gated(features, kernel, rows) for _ in range(layers))

    def _grid(self, x: Tensor) -> Tensor:
        return x.movedim(-1, 1).unflatten(2, (self.rows, self.columns))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Maps all places at once; see `Causal`."""
        x, context = self._grid(x), self._grid(context)
        above, left = pad(x[:, :, :-1], (0, 0, 1, 0)), pad(x[..., :-1], (1, 0))
        for layer in self.layers:
            above, left = layer(above, left, context)
        return left.flatten(2).movedim(1, -1)

    def steps(self, context: Tensor) -> Step:
        """Goes from place to place; see `Causal`."""
        grid = self._grid(context)
        rows = [_Rows(layer, grid) for layer in self.layers]  # type: ignore[arg-type]
        row: list[Tensor] = []  # the values in the row above, and then those in this row
        place = 0

        def step(before: Tensor | None) -> Tensor:
            nonlocal place
            i, j = divmod(place, self.columns)
            if before is not None:
                row.append(before)
            if j == 0:
                above = torch.stack(row, -1) if row else torch.zeros_like(grid[:, :, 0])
                row.clear()
                for layer in rows:
                    above = layer.begin(i, above)
            found = row[-1] if row else torch.zeros_like(grid[:, :, 0, 0])
            for layer in rows:
                found = layer.step(j, found)
            place += 1
            return found

        return step


class _Gated(nn.Module):
    """A layer of both stacks; with a single row there is no vertical stack."""

    def __init__(self, features: int, kernel: int, rows: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.vertical = self.link = None
        if rows > 1:
            self.vertical = nn.Conv2d(features, 2 * features, kernel)
            self.link = nn.Conv2d(2 * features, 2 * features, 1)
        self.horizontal = nn.Conv2d(features, 2 * features, (1, kernel))
        self.context = nn.Conv2d(features, (4 if rows > 1 else 2) * features, 1)
        self.out = nn.Conv2d(features, features, 1)

    def forward(self, above: Tensor, left: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        before, half = self.kernel - 1, self.kernel // 2
        columns, given = self.horizontal(pad(left, (before, 0))), self.context(context)
        if self.vertical is not None and self.link is not None:
            of_above, given = given.chunk(2, 1)
            rows = self.vertical(pad(above, (half, half, before, 0)))
            columns = columns + self.link(rows)
            above = _gate(rows + of_above)
        return above, left + self.out(_gate(columns + given))


class _Rows:
    """The rows and columns within reach of a layer's kernels, kept from place to place."""

    def __init__(self, layer: _Gated, grid: Tensor) -> None:
        self.layer = layer
        n, features, _, columns = grid.shape
        self.given = layer.context(grid)
        self.above = grid.new_zeros(n, features, layer.kernel, columns)
        self.left = grid.new_zeros(n, features, layer.kernel)
        self.row = grid.new_zeros(n, 2 * features, columns)

    def begin(self, i: int, above: Tensor) -> Tensor:
        """Takes a row of the vertical stack's input, and returns the row of its output."""
        layer, self.row = self.layer, self.given[:, :, i]
        self.left = torch.zeros_like(self.left)
        if layer.vertical is None or layer.link is None:
            return above
        self.above = torch.cat([self.above[:, :, 1:], above.unsqueeze(2)], 2)
        of_above, of_left = self.row.chunk(2, 1)
        half = layer.kernel // 2
        row = layer.vertical(pad(self.above, (half, half)))
        self.row = layer.link(row).squeeze(2) + of_left
        return _gate(row.squeeze(2) + of_above)

    def step(self, j: int, left: Tensor) -> Tensor:
        """Takes the horizontal stack's input at a column, and returns the output there."""
        self.left = torch.cat([self.left[..., 1:], left.unsqueeze(-1)], -1)
        column = _at_one_place(self.layer.horizontal, self.left) + self.row[..., j]
        return left + _at_one_place(self.layer.out, _gate(column))


def _at_one_place(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    """Applies a convolution to exactly what its kernel covers."""
    return linear(x.flatten(1), convolution.weight.flatten(1), convolution.bias)


def _gate(x: Tensor) -> Tensor:
    a, b = x.chunk(2, 1)
    return torch.tanh(a) * torch.sigmoid(b)
