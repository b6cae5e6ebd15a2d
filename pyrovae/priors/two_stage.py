"""A second variational autoencoder as the prior of the first one's latents."""

from torch import Tensor
from torch.distributions import Distribution

from pyrovae.checks import check_agreement, check_count
from pyrovae.distributions.marginal import Marginal
from pyrovae.distributions.penalized import Penalized
from pyrovae.distributions.unwrap import unwrapped
from pyrovae.latents import check_kinds, latent_kind
from pyrovae.likelihoods.base import Likelihood
from pyrovae.posteriors.base import Posterior
from pyrovae.priors.base import Prior

__all__ = ["TwoStagePrior"]


class TwoStagePrior(Prior):
    r"""The marginal of a second variational autoencoder, trained on the latents of the first one.

    .. math:: p(z) = \int p(u) \, p(z \mid u) \, du, \qquad q(u \mid z)

    The two-stage VAE first trains a model with a simple prior, then trains this prior on draws of
    the model's latents. To sample, it draws u, z and x in turn::

        fit(VAE(NormalPrior(20), posterior, likelihood), data)
        prior = TwoStagePrior(NormalPrior(20), second_posterior, second_likelihood)
        fit(Density(prior), encode(vae, data.train, moments="draws"))
        vae = VAE(prior, posterior, likelihood)

    The density is not known in closed form. ``log_prob`` returns the logarithm of an unbiased
    estimate from K draws of q(u|z); its expectation is below :math:`\log p(z)`. A bound of a model
    with this prior is therefore still a bound, slightly looser than with the exact density, and an
    importance-sampled log p(x) is still a lower bound. Both also vary with these draws. Methods
    that need the exact density, such as annealing, reject this prior.

    Dai and Wipf, 2019, Diagnosing and enhancing VAE models, https://arxiv.org/abs/1903.05789.

    Args:
        prior: p(u).
        posterior: q(u|z), whose data are z; to train it, its draws must be reparameterised.
        likelihood: p(z|u), a density over real vectors.
        num_particles: Number :math:`K` of draws in each estimate of the density.

    Raises:
        ValueError: If the parts declare different shapes, p(u) and q(u|z) are over different kinds
            of space, or ``num_particles`` is not positive. When called: if p(z|u) is not a density
            over real vectors or, in training, draws of q(u|z) carry no gradients.
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
        inner = {"prior": prior, "posterior": posterior, "likelihood": likelihood}
        check_agreement("u", {name: part.latent_shape for name, part in inner.items()})
        check_agreement(
            "z", {"posterior": posterior.data_shape, "likelihood": likelihood.data_shape}
        )
        check_kinds(
            f"{type(posterior).__name__} under {type(prior).__name__}",
            posterior.latent_kind,
            prior.latent_kind,
        )
        if likelihood.data_shape is None:
            raise ValueError(
                "likelihood: expected one that declares its data_shape, the shape of z, got none"
            )
        self.latent_shape = likelihood.data_shape
        self.posterior, self.prior, self.likelihood = posterior, prior, likelihood
        self.num_particles = num_particles

    def forward(self) -> Distribution:
        """Returns the marginal, with the shape of one z as event shape."""
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
