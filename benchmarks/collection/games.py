"""Models that are trained against a second player."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from benchmarks.collection.parts import HIDDEN, LATENTS, Entry, vae
from pyrovae.adversaries import (
    Adversary,
    FeatureAdversary,
    PatchAdversary,
    PriorAdversary,
    TotalCorrelationAdversary,
)
from pyrovae.nn import MLP, PatchDiscriminator

__all__ = ["GAMES"]


def _against(
    make: Callable[[Tensor], Adversary], **options: Any
) -> Callable[[Tensor], Mapping[str, Any]]:
    return lambda x: {"adversary": make(x), **options}


def _of_codes(x: Tensor) -> MLP:
    return MLP(LATENTS, [HIDDEN], 1)


def _patches(x: Tensor) -> PatchDiscriminator:
    return PatchDiscriminator(x.shape[1:], channels=(16, 32))


GAMES: dict[str, Entry] = {
    "FactorVAE": Entry(
        "TotalCorrelationAdversary",
        vae,
        options=_against(lambda x: TotalCorrelationAdversary(_of_codes(x))),
    ),
    "AAE": Entry(
        "PriorAdversary, no KL",
        vae,
        options=_against(lambda x: PriorAdversary(_of_codes(x), weight=10.0), beta=0.0),
    ),
    "VAE-GAN": Entry(
        "FeatureAdversary", vae, options=_against(lambda x: FeatureAdversary(_patches(x)))
    ),
    "patches": Entry(
        "PatchAdversary", vae, options=_against(lambda x: PatchAdversary(_patches(x)))
    ),
}
