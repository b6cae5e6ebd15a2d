r"""
How close is my bound to the likelihood?
========================================

A VAE is trained with a lower bound of :math:`\log p(x)`, and most papers report an estimate of
:math:`\log p(x)` itself. How far apart are the two, how good is the estimate, and what can be done
about the gap? With two latent variables the exact answer is a sum on a grid, so each estimate on this
page can be compared with the exact value.
"""

import pyro
import torch

from pyrovae import VAE, evaluate, fit, load_data
from pyrovae.evaluation import inference_gap, log_likelihood
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import (
    ELBO,
    DoublyReparameterizedELBO,
    ImportanceWeightedELBO,
    StickingTheLandingELBO,
)
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

data = load_data("digits", binarization="threshold")
(x,) = data.test.take(100)


def train(objective: pyro.infer.ELBO) -> VAE:
    pyro.set_rng_seed(0)
    vae = VAE(
        NormalPrior(2),
        NormalPosterior(MLP((1, 8, 8), [200], 2 * 2)),
        BernoulliLikelihood(MLP(2, [200], (1, 8, 8))),
    )
    fit(vae, data, objective=objective, epochs=40, batch_size=64, progress=False, compile=False)
    return vae


vae = train(ELBO())

# %%
# The truth
# ---------
#
# :math:`\log p(x) = \log \int p(z)\, p(x \mid z)\, dz`, as a sum over 201 x 201 points.


@torch.no_grad()
def exact(vae: VAE, x: torch.Tensor) -> torch.Tensor:
    axis = torch.linspace(-6, 6, 201)
    z = torch.cartesian_prod(axis, axis)
    log_prior = vae.prior().log_prob(z) + 2 * (axis[1] - axis[0]).log()
    likelihood = vae.decode(z)
    log_mass = [torch.logsumexp(log_prior + likelihood.log_prob(image), 0) for image in x]
    return torch.stack(log_mass)


truth = exact(vae, x)
print(f"log p(x), exact: {truth.mean():.3f}")

# %%
# Bounds of more and more draws
# -----------------------------
#
# One draw gives the ELBO. The mean of S importance weights gives a tighter bound, which rises to
# :math:`\log p(x)` as S grows (Burda et al., 2016). ``mc_se`` is the error from the draws.

for samples in (1, 10, 100, 1000):
    found = log_likelihood(vae, x, samples=samples)
    error = "" if found.mc_se is None else f"+- {found.mc_se:.3f}"
    print(f"S = {samples:4}: {found.value:.3f} {error}  effective draws {found.ess:.0f}")

# %%
# An estimate from S draws is a bound *in expectation*: it is low on average, though a single one may
# come out high. Where the effective number of draws is small, as it is for a guide that is much
# narrower than the true posterior, it is lower than its error suggests, and the report warns.

# %%
# Where the gap comes from
# ------------------------
#
# :math:`\log p(x) - \mathrm{ELBO}` is the divergence of the guide from the true posterior. Part of it
# is due to the *family*: no diagonal normal has the right shape. The rest is due to the *encoder*: one
# network serves all images and gives none of them its best normal (Cremer et al., 2018).

print(inference_gap(vae, x[:20], samples=200, steps=100))

# %%
# Objectives that make it smaller
# -------------------------------
#
# Training with a tighter bound lets the posterior be anything that the weighted draws can correct.
# Path gradients (sticking the landing, DReG) keep the bound and lower the variance of its gradient.

for name, objective in {
    "ELBO": ELBO(),
    "sticking the landing": StickingTheLandingELBO(),
    "importance-weighted, K = 5": ImportanceWeightedELBO(num_particles=5),
    "DReG, K = 5": DoublyReparameterizedELBO(num_particles=5),
}.items():
    trained = train(objective)
    report = evaluate(trained, x, samples=100)
    print(f"{name:28} ELBO {report.elbo:.2f}  log p(x) {exact(trained, x).mean():.2f}")

# %%
# Models trained with five particles have the higher :math:`\log p(x)`, and their ELBO does not show
# it: their guides are made to be corrected. This is why a report has both numbers, and why a model
# trained with one of these bounds must not be judged by its ELBO.
