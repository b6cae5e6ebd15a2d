"""Several layers of latents: the generative model, and a bottom-up guide."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pyro
from torch import Tensor, nn

from pyrovae.checks import check_agreement
from pyrovae.latents import check_kinds
from pyrovae.likelihoods.base import Likelihood
from pyrovae.models.base import LatentVariableModel
from pyrovae.posteriors.base import Posterior
from pyrovae.priors.base import Prior

__all__ = ["HierarchicalModel", "HierarchicalVAE"]


class HierarchicalModel(LatentVariableModel):
    r"""The generative model with several layers of latents; subclasses implement the `guide`.

    .. math:: p(x, z_1, \dots, z_L) = p(z_L) \, p(z_{L-1} \mid z_L) \cdots p(x \mid z_1)

    The sites are ``"z1"`` (next to the data) to ``"zL"`` (the top), and ``"x"``. A `Posterior` is
    a network that ends in a distribution, so it also represents p(z1|z2).

    Rezende, Mohamed and Wierstra, 2014, https://arxiv.org/abs/1401.4082.

    Args:
        prior: p(zL).
        posteriors: The guide's part for each latent, from the bottom to the top.
        likelihood: p(x|z1).
        conditional_priors: p(z1|z2), ..., p(z_{L-1}|zL), from the bottom to the top.

    Raises:
        ValueError: If the number of conditional priors is not one less than that of posteriors,
            two parts declare different shapes, prior and posterior of a layer are over different
            kinds of space, or a conditional prior only knows the density of its own draws.
    """

    def __init__(
        self,
        prior: Prior,
        posteriors: Sequence[Posterior],
        likelihood: Likelihood,
        *,
        conditional_priors: Sequence[Posterior],
    ) -> None:
        super().__init__()
        if len(posteriors) != len(conditional_priors) + 1:
            raise ValueError(
                "expected a posterior for each layer of latents and a conditional prior for each "
                f"except the top, got {len(posteriors)} posteriors and {len(conditional_priors)} "
                "conditional priors"
            )
        # The prior of each latent, and the shape that the layer below it reads.
        priors: list[Prior | Posterior] = [*conditional_priors, prior]
        reads = [likelihood.latent_shape, *(part.data_shape for part in conditional_priors)]
        for i, (posterior, over, read) in enumerate(
            zip(posteriors, priors, reads, strict=True), 1
        ):
            check_agreement(
                f"z{i}",
                {
                    "posterior": posterior.latent_shape,
                    "prior": over.latent_shape,
                    "layer below": read,
                },
            )
            check_kinds(f"site 'z{i}'", posterior.latent_kind, over.latent_kind)
        for part in conditional_priors:
            if not part.density_everywhere:
                raise ValueError(
                    f"conditional_priors: {type(part).__name__} can only evaluate the density of "
                    "its own draws, but a prior must evaluate the guide's draws"
                )
        # Posteriors first, so that parameters shared with a prior are named after the posterior.
        self.posteriors = nn.ModuleList(posteriors)
        self.prior = prior
        self.conditional_priors = nn.ModuleList(conditional_priors)
        self.likelihood = likelihood
        self.data_shape = likelihood.data_shape

    def model(self, x: Tensor) -> Any:
        """p(zL) p(z_{L-1}|zL) ... p(x|z1), for data ``(n, *data_shape)``."""
        with self.data_plate(x):
            z = pyro.sample(f"z{len(self.posteriors)}", self.prior())
            for i in range(len(self.conditional_priors), 0, -1):
                z = pyro.sample(f"z{i}", self.conditional_priors[i - 1](z))
            return pyro.sample("x", self.likelihood(z), obs=x)


class HierarchicalVAE(HierarchicalModel):
    r"""Several layers of latents, with a guide that goes from the data up, layer by layer.

    .. math:: p(x, z) = p(z_L) \, p(z_{L-1} \mid z_L) \cdots p(x \mid z_1), \qquad
        q(z \mid x) = q(z_1 \mid x) \, q(z_2 \mid z_1) \cdots q(z_L \mid z_{L-1})

    With two layers::

        HierarchicalVAE(
            NormalPrior(50),  # p(z2)
            [
                NormalPosterior(MLP(784, [200, 200], 2 * 100)),  # q(z1|x)
                NormalPosterior(MLP(100, [100, 100], 2 * 50)),  # q(z2|z1)
            ],
            BernoulliLikelihood(MLP(100, [200, 200], 784)),  # p(x|z1)
            conditional_priors=[NormalPosterior(MLP(50, [100, 100], 2 * 100))],  # p(z1|z2)
        )

    Any prior can be on top. One that is made of a posterior (`VampPrior`, `ExemplarPrior`) takes
    ``posteriors[-1]``, which reads the layer below: its pseudo-inputs are values of that layer,
    not data. In a `LadderVAE` they can be data.

    With this guide ``pyro.infer.TraceMeanField_ELBO`` is not a bound, because p(z1|z2) depends on
    a latent that the guide draws later. `AnalyticKLELBO` is a bound.

    Burda, Grosse and Salakhutdinov, 2016, https://arxiv.org/abs/1509.00519.

    Args:
        prior: p(zL).
        posteriors: q(z1|x), q(z2|z1), ..., q(zL|z_{L-1}), from the bottom to the top.
        likelihood: p(x|z1).
        conditional_priors: p(z1|z2), ..., p(z_{L-1}|zL), from the bottom to the top.

    Raises:
        ValueError: As for `HierarchicalModel`; or if the input of a posterior is not the layer
            below it.
    """

    def __init__(
        self,
        prior: Prior,
        posteriors: Sequence[Posterior],
        likelihood: Likelihood,
        *,
        conditional_priors: Sequence[Posterior],
    ) -> None:
        super().__init__(prior, posteriors, likelihood, conditional_priors=conditional_priors)
        read = posteriors[0].data_shape
        check_agreement("datum", {"posterior of z1": read, "likelihood": likelihood.data_shape})
        for i, (below, above) in enumerate(pairwise(posteriors), 1):
            shapes = {"its posterior": below.latent_shape, "the next one": above.data_shape}
            check_agreement(f"z{i}", shapes)
        self.data_shape = likelihood.data_shape or read

    def guide(self, x: Tensor) -> Any:
        """q(z1|x) q(z2|z1) ... q(zL|z_{L-1}), for data ``(n, *data_shape)``."""
        with self.data_plate(x):
            z = x
            for i, posterior in enumerate(self.posteriors, 1):
                z = pyro.sample(f"z{i}", posterior(z))
            return z
