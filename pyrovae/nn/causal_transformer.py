"""A causal transformer."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention

from pyrovae.nn.causal import Causal, Step

__all__ = ["CausalTransformer"]


class CausalTransformer(Causal):
    """Layers of attention to all earlier places, each followed by a network at each place.

    Layers are normalised at their input. Going place by place, keys and values are kept.

    Vaswani et al., 2017, Attention is all you need, https://arxiv.org/abs/1706.03762; Child, Gray,
    Radford and Sutskever, 2019, Generating long sequences with sparse transformers,
    https://arxiv.org/abs/1904.10509 (for images).

    Args:
        features: Number of features of each place.
        heads: Number of heads, which must divide the number of features.
        layers: Number of layers.

    Raises:
        ValueError: If there is no layer or feature, or the heads do not divide the features.
    """

    def __init__(self, *, features: int, heads: int, layers: int) -> None:
        super().__init__()
        if features < 1:
            raise ValueError(f"features: expected at least 1, got {features}")
        if layers < 1:
            raise ValueError(f"layers: expected at least 1, got {layers}")
        if heads < 1 or features % heads:
            raise ValueError(f"heads: expected a divisor of features={features}, got {heads}")
        self.layers = nn.ModuleList(_Layer(features, heads) for _ in range(layers))
        self.last = nn.LayerNorm(features)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Maps all places at once; see `Causal`."""
        found = pad(x[:, :-1], (0, 0, 1, 0)) + context
        for layer in self.layers:
            found = layer(found)
        normal: Tensor = self.last(found)
        return normal

    def steps(self, context: Tensor) -> Step:
        """Goes from place to place with the earlier keys and values; see `Causal`."""
        places = iter(context.unbind(1))
        kept: list[tuple[Tensor, Tensor] | None] = [None for _ in self.layers]

        def step(before: Tensor | None) -> Tensor:
            here = next(places)
            found = (here if before is None else here + before).unsqueeze(1)
            for i, layer in enumerate(self.layers):
                found, kept[i] = layer.step(found, kept[i])  # type: ignore[operator]
            normal: Tensor = self.last(found.squeeze(1))
            return normal

        return step


class _Layer(nn.Module):
    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.normal = nn.LayerNorm(features)
        self.queries_keys_values = nn.Linear(features, 3 * features)
        self.out = nn.Linear(features, features)
        self.each = nn.Sequential(
            nn.LayerNorm(features),
            nn.Linear(features, 4 * features),
            nn.GELU(),
            nn.Linear(4 * features, features),
        )

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self._heads(x)
        return self._rest(x, scaled_dot_product_attention(q, k, v, is_causal=True))

    def step(
        self, x: Tensor, kept: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Maps one more place, ``(n, 1, features)``, given the keys and values of earlier ones."""
        q, k, v = self._heads(x)
        if kept is not None:
            k, v = torch.cat([kept[0], k], 2), torch.cat([kept[1], v], 2)
        weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1)
        return self._rest(x, weights @ v), (k, v)

    def _heads(self, x: Tensor) -> tuple[Tensor, ...]:
        every = self.queries_keys_values(self.normal(x)).chunk(3, -1)
        return tuple(part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in every)

    def _rest(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        found: Tensor = x + self.each(x)
        return found
