"""A variational autoencoder of the latents as their prior."""

from torch import Tensor
from torch.distributions import Distribution

from pyrovae.checks import check_count
from pyrovae.distributions.marginal import Marginal
from pyrovae.distributions.penalized import Penalized
from pyrovae.distributions.unwrap import unwrapped
from pyrovae.latents import check_kinds, latent_kind
from pyrovae.likelihoods.base import Likelihood
from pyrovae.posteriors.base import Posterior
from pyrovae.priors.base import Prior

__all__ = ["TwoStagePrior"]


class TwoStagePrior(Prior):
    r"""The marginal of a second variational autoencoder, whose data are the first one's latents.

    .. math:: p(z) = \int p(u) \, p(z \mid u) \, du, \qquad q(u \mid z)

    The 2-stage VAE trains the first model with a simple prior, then this on draws of its latents, and
    samples u, z and x in turn::

        fit(VAE(NormalPrior(20), posterior, likelihood), data)
        prior = TwoStagePrior(NormalPrior(20), second_posterior, second_likelihood)
        fit(Density(prior), encode(vae, data.train, moments="draws"))
        vae = VAE(prior, posterior, likelihood)

    Its density is not known. ``log_prob`` gives the logarithm of an unbiased estimate with K draws
    of q(u|z), which in expectation is below :math:`\log p(z)`. So every bound of a model with it is
    one still, a little lower than with the density itself, and an importance-sampled log p(x) is a
    lower bound as ever; all vary with these draws, too. What needs the density itself, such as
    annealing, refuses it.

    Dai and Wipf, 2019, Diagnosing and enhancing VAE models, https://arxiv.org/abs/1903.05789.

    Args:
        prior: p(u).
        posterior: q(u|z), whose data are z; to be trained, with reparameterised draws.
        likelihood: p(z|u), a density of real vectors.
        num_particles: Draws :math:`K` in an estimate of the density.

    Raises:
        ValueError: If the parts declare different shapes, p(u) and q(u|z) are densities of different
            kinds, or ``num_particles`` is not positive; when called, if p(z|u) is no density of real
            vectors, or where it is trained, q(u|z) has draws without gradients.
    """

    latent_kind = "real"

    def __init__(
        self,
        prior: Prior,
        posterior: Posterior,
        likelihood: Likelihood,
        *,
        num_particles: int = 1,
    ) -> None:
        super().__init__()
        check_count("num_particles", num_particles)
        for name, shapes in (
            ("u", [prior.latent_shape, posterior.latent_shape, likelihood.latent_shape]),
            ("z", [posterior.data_shape, likelihood.data_shape]),
        ):
            known = {tuple(shape) for shape in shapes if shape is not None}
            if len(known) > 1:
                raise ValueError(f"expected parts of one shape of {name}, got {sorted(known)}")
        check_kinds(
            f"{type(posterior).__name__} under {type(prior).__name__}",
            posterior.latent_kind,
            prior.latent_kind,
        )
        if likelihood.data_shape is None:
            raise ValueError("likelihood: expected one that declares the shape of z, got none")
        self.latent_shape = likelihood.data_shape
        self.posterior, self.prior, self.likelihood = posterior, prior, likelihood
        self.num_particles = num_particles

    def forward(self) -> Distribution:
        """Returns the marginal, with event shape that of one z."""
        assert self.latent_shape is not None
        return Marginal(
            self.prior(),
            self._given,
            self.posterior,
            event_shape=self.latent_shape,
            num_particles=self.num_particles,
        )

    def _given(self, u: Tensor) -> Distribution:
        found: Distribution = self.likelihood(u)
        kind = latent_kind(found)
        if kind not in ("real", None) or isinstance(unwrapped(found), Penalized):
            raise ValueError(
                f"likelihood: expected a density of real vectors, got {type(self.likelihood).__name__}"
            )
        return found
