"""Models whose latents are codes, each with a prior that is fitted to its codes afterwards."""

from collections.abc import Callable

from torch import Size, Tensor

from benchmarks.collection.parts import Entry, encoder, likelihood, told
from pyrovae.codebooks import (
    Codebook,
    FiniteScalarCodebook,
    LearnedCodebook,
    LookupFreeCodebook,
    MovingAverageCodebook,
    ResidualCodebook,
)
from pyrovae.models import VAE, LatentVariableModel
from pyrovae.objectives import ELBO, EntropyQuantizedELBO, VectorQuantizedELBO
from pyrovae.posteriors import QuantizedPosterior
from pyrovae.priors import AutoregressiveCodePrior, CategoricalCodePrior, Prior

__all__ = ["CODES"]

POSITIONS = 8
SIZE = 64  # codes, or about so many


def _coded(codebook: Callable[[], Codebook]) -> Callable[[Tensor], LatentVariableModel]:
    def make(x: Tensor) -> LatentVariableModel:
        book = codebook()
        size = Size([POSITIONS * book.code_features])
        posterior = QuantizedPosterior(encoder(x, size), book)
        stages = posterior.latent_shape
        assert stages is not None
        return VAE(CategoricalCodePrior(posterior), posterior, likelihood(x, stages))

    return make


def _autoregressive(model: LatentVariableModel) -> Prior:
    return AutoregressiveCodePrior(model.posterior)


def _entry(parts: str, codebook: Callable[[], Codebook], objective: type) -> Entry:
    return Entry(parts, _coded(codebook), told(objective), codes=_autoregressive)


CODES: dict[str, Entry] = {
    "VQ-VAE": _entry("LearnedCodebook", lambda: LearnedCodebook(SIZE, 8), VectorQuantizedELBO),
    "VQ-VAE, averages": _entry(
        "MovingAverageCodebook", lambda: MovingAverageCodebook(SIZE, 8), VectorQuantizedELBO
    ),
    "residual VQ": _entry(
        "ResidualCodebook",
        lambda: ResidualCodebook([MovingAverageCodebook(SIZE, 8) for _ in range(2)]),
        VectorQuantizedELBO,
    ),
    "FSQ": _entry("FiniteScalarCodebook", lambda: FiniteScalarCodebook((5, 4, 4)), ELBO),
    "LFQ": _entry("LookupFreeCodebook", lambda: LookupFreeCodebook(6), EntropyQuantizedELBO),
}
