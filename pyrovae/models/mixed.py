"""A variational autoencoder with a continuous and a discrete latent."""

from typing import Any

import pyro
import torch
from torch import Size, Tensor

from pyrovae.checks import check_agreement
from pyrovae.latents import check_kinds
from pyrovae.likelihoods.base import Likelihood
from pyrovae.models.base import LatentVariableModel
from pyrovae.posteriors.base import Posterior
from pyrovae.priors.base import Prior

__all__ = ["MixedVAE"]


class MixedVAE(LatentVariableModel):
    r"""A continuous latent, such as the style, and a discrete one, such as the class.

    .. math:: p(x, z, c) = p(z) \, p(c) \, p(x \mid z, c), \qquad
        q(z, c \mid x) = q(z \mid x) \, q(c \mid x)

    The sites are ``"z"``, ``"c"`` and ``"x"``. The parts and the objective determine how the class
    is treated. A `CategoricalPrior` and a `CategoricalPosterior` are summed over exactly by
    `EnumeratedELBO` and drawn by `ELBO` or `VIMCO`. A `RelaxedCategoricalPrior` and its posterior
    make it one or several relaxed variables, with gradients through their draws.

    Dupont, 2018, Learning disentangled joint continuous and discrete representations,
    https://arxiv.org/abs/1804.00104.

    Args:
        prior: p(z).
        posterior: q(z|x).
        discrete_prior: p(c).
        discrete_posterior: q(c|x).
        likelihood: p(x|z, c), given one vector of the numbers of z, then those of c.

    Raises:
        ValueError: If the parts declare shapes or kinds of latents that do not fit.
    """

    def __init__(
        self,
        prior: Prior,
        posterior: Posterior,
        discrete_prior: Prior,
        discrete_posterior: Posterior,
        likelihood: Likelihood,
    ) -> None:
        super().__init__()
        sizes = []
        for p, q in ((prior, posterior), (discrete_prior, discrete_posterior)):
            shapes = {type(p).__name__: p.latent_shape, type(q).__name__: q.latent_shape}
            check_agreement("latent", shapes)
            check_kinds(" under ".join(reversed(shapes)), q.latent_kind, p.latent_kind)
            sizes.append(q.latent_shape or p.latent_shape)
        if None not in (*sizes, likelihood.latent_shape):
            both = Size([sum(size.numel() for size in sizes if size is not None)])
            check_agreement(
                "pair of latents", {"both": both, "likelihood": likelihood.latent_shape}
            )
        check_agreement(
            "datum",
            {
                "posterior": posterior.data_shape,
                "discrete_posterior": discrete_posterior.data_shape,
                "likelihood": likelihood.data_shape,
            },
        )
        # Posteriors first, so that parameters shared with a prior are named after the posterior.
        self.posterior = posterior
        self.discrete_posterior = discrete_posterior
        self.prior = prior
        self.discrete_prior = discrete_prior
        self.likelihood = likelihood
        self.data_shape = posterior.data_shape or likelihood.data_shape

    def model(self, x: Tensor) -> Any:
        """p(z) p(c) p(x|z, c), for data ``(n, *data_shape)``."""
        with self.data_plate(x):
            p, of_class = self.prior(), self.discrete_prior()
            z = pyro.sample("z", p).flatten(-len(p.event_shape))
            c = pyro.sample("c", of_class).flatten(-len(of_class.event_shape))
            return pyro.sample("x", self.likelihood(_side_by_side(z, c)), obs=x)

    def guide(self, x: Tensor) -> Any:
        """q(z|x) q(c|x), for data ``(n, *data_shape)``."""
        with self.data_plate(x):
            pyro.sample("z", self.posterior(x))
            pyro.sample("c", self.discrete_posterior(x))


def _side_by_side(z: Tensor, c: Tensor) -> Tensor:
    # An enumerated class has its own dimension.
    batch = torch.broadcast_shapes(z.shape[:-1], c.shape[:-1])
    return torch.cat([z.expand(*batch, -1), c.expand(*batch, -1)], -1)
