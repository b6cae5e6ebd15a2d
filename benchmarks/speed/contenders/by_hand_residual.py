"""Residual encoder and decoder in plain PyTorch: those of `pyrovae.nn.ResidualEncoder`, written out."""

from itertools import pairwise

from torch import Tensor, nn

from benchmarks.speed.cases import Case, groups

__all__ = ["residuals"]


class Block(nn.Module):
    """Two normalised convolutions, added to what came in."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.GroupNorm(groups(channels), channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, kernel, padding=kernel // 2),
            nn.GroupNorm(groups(channels), channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, kernel, padding=kernel // 2),
        )

    def forward(self, h: Tensor) -> Tensor:
        """Maps ``(n, channels, side, side)`` to the same shape."""
        return h + self.branch(h)


class InTurn(nn.Module):
    """First layer, blocks, last layer; the blocks are registered first, as in pyrovae."""

    def __init__(self, first: nn.Module, layers: list[nn.Module], last: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.first, self.last = first, last

    def forward(self, x: Tensor) -> Tensor:
        """Runs the layers."""
        return self.last(self.layers(self.first(x)))


def residuals(case: Case) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder: blocks at each resolution, which a layer between halves or doubles."""
    channels, side = case.hidden, case.side
    sides = [side // 2**level for level in range(len(channels))]
    deepest, lowest = channels[-1], sides[-1]

    def at(level: int) -> list[nn.Module]:
        kernel = 1 if sides[level] == 1 else 3
        return [Block(channels[level], kernel) for _ in range(case.blocks)]

    down, up = at(0), at(len(channels) - 1)
    for level, (a, b) in enumerate(pairwise(channels), 1):
        down += [nn.Conv2d(a, b, 3, stride=2, padding=1), *at(level)]
    for level, (a, b) in zip(
        range(len(channels) - 1)[::-1], pairwise(channels[::-1]), strict=True
    ):
        widened = [nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1)]
        up += [nn.Sequential(*widened), *at(level)]
    encoder = InTurn(
        nn.Sequential(nn.Unflatten(1, (1, side, side)), nn.Conv2d(1, channels[0], 3, padding=1)),
        down,
        nn.Sequential(
            nn.GroupNorm(groups(deepest), deepest),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(deepest * lowest**2, 2 * case.latents),
        ),
    )
    decoder = InTurn(
        nn.Sequential(
            nn.Linear(case.latents, deepest * lowest**2),
            nn.Unflatten(1, (deepest, lowest, lowest)),
        ),
        up,
        nn.Sequential(
            nn.GroupNorm(groups(channels[0]), channels[0]),
            nn.SiLU(),
            nn.Conv2d(channels[0], 1, 3, padding=1),
            nn.Flatten(),
        ),
    )
    return encoder, decoder
