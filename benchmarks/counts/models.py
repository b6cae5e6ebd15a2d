"""The models of counts that are compared."""

from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from pyrovae import VAE
from pyrovae.likelihoods import (
    Likelihood,
    NegativeBinomialLikelihood,
    OffsetLikelihood,
    PoissonLikelihood,
    ZeroInflatedLikelihood,
)
from pyrovae.models import ConditionalVAE, LatentVariableModel
from pyrovae.nn import MLP, Chain, Covariates, Log1p
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

__all__ = ["MODELS", "ScviByHand"]

LATENTS, HIDDEN = 5, [64]


def _encoder(genes: int) -> NormalPosterior:
    return NormalPosterior(Chain([Log1p(genes), MLP(genes, HIDDEN, 2 * LATENTS)]))


def plain(genes: int, batches: int) -> LatentVariableModel:
    """Negative binomial counts, of which nothing else is known."""
    counts = NegativeBinomialLikelihood(MLP(LATENTS, HIDDEN, genes), dispersion="per_feature")
    return VAE(NormalPrior(LATENTS), _encoder(genes), counts)


def conditional(genes: int, batches: int, *, kind: str = "negative binomial") -> ConditionalVAE:
    """With an offset and the batch, both known to the decoder alone."""
    read = LATENTS + batches
    if kind == "Poisson":
        counts: Likelihood = PoissonLikelihood(MLP(read, HIDDEN, genes))
    else:
        dispersion: Any = MLP(batches, [], genes) if kind == "by batch" else "per_feature"
        counts = NegativeBinomialLikelihood(MLP(read, HIDDEN, genes), dispersion=dispersion)
    if kind == "zero-inflated":
        counts = ZeroInflatedLikelihood(counts, MLP(read, HIDDEN, genes))
    return ConditionalVAE(
        NormalPrior(LATENTS),
        _encoder(genes),
        OffsetLikelihood(counts),
        covariates=Covariates([batches], numbers=1),
    )


class ScviByHand(LatentVariableModel):
    """scVI's formulas with nothing of the library's parts: shares of a depth that is known.

    x ~ NB(l softmax(f(z, batch)), theta), theta learned for each gene, z ~ N(0, I), the encoder
    reading log(1 + x).
    """

    def __init__(self, genes: int, batches: int) -> None:
        super().__init__()
        self.batches = batches
        self.encoder = nn.Sequential(
            nn.Linear(genes, HIDDEN[0]), nn.ReLU(), nn.Linear(HIDDEN[0], 2 * LATENTS)
        )
        self.decoder = nn.Sequential(
            nn.Linear(LATENTS + batches, HIDDEN[0]), nn.ReLU(), nn.Linear(HIDDEN[0], genes)
        )
        self.log_theta = nn.Parameter(torch.zeros(genes))

    def model(self, x: Tensor, y: Tensor) -> None:
        """p(z) p(x|z, batch, l), with the batch and log l less a constant in y."""
        batch = nn.functional.one_hot(y[:, 0].long(), self.batches).to(y.dtype)
        with self.data_plate(x):
            z = pyro.sample("z", dist.Normal(torch.zeros(LATENTS), 1.0).to_event(1))
            batch = batch.expand(*z.shape[:-1], -1)
            # Of the mean depth: a constant that the shares would otherwise have to sum to.
            shares = self.decoder(torch.cat([z, batch], -1)).softmax(-1) * x.shape[-1]
            mean = y[:, -1:].exp() * shares * 2
            theta = self.log_theta.exp()
            logits = (mean + 1e-8).log() - theta.log()
            counts = dist.NegativeBinomial(theta, logits=logits).to_event(1)
            pyro.sample("x", counts, obs=x)

    def guide(self, x: Tensor, y: Tensor) -> None:
        """q(z|x)."""
        loc, raw = self.encoder(x.log1p()).chunk(2, -1)
        with self.data_plate(x):
            pyro.sample("z", dist.Normal(loc, nn.functional.softplus(raw) + 1e-6).to_event(1))


MODELS = {
    "negative binomial alone": plain,
    "Poisson, offset, batch": lambda g, b: conditional(g, b, kind="Poisson"),
    "negative binomial, offset, batch": conditional,
    "the same, dispersion by batch": lambda g, b: conditional(g, b, kind="by batch"),
    "the same, zero-inflated": lambda g, b: conditional(g, b, kind="zero-inflated"),
    "scVI's formulas by hand": ScviByHand,
}
