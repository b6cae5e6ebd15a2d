r"""
Which prior?
============

The standard normal is the usual starting point, but it rarely matches the distribution of all the
codes, the *aggregated posterior* :math:`q(z) = \frac{1}{N} \sum_n q(z \mid x_n)`. Where the two
differ, the bound pays: the KL term splits into the information that each code carries about its datum and
:math:`\mathrm{KL}(q(z) \,\|\, p(z))`, and only the second part depends on the prior. A prior that can
follow the codes makes it small.
"""

# %%
# One model, four priors
# ----------------------
#
# Only the line that makes the prior changes.

from collections.abc import Callable

import pyro

from pyrovae import VAE, evaluate, fit, load_data, plots
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior, Posterior
from pyrovae.priors import FlowPrior, MixturePrior, NormalPrior, Prior, VampPrior

data = load_data("digits", binarization="dynamic")
(x,) = data.train.take(1000)

priors: dict[str, Callable[[Posterior], Prior]] = {
    "standard normal": lambda q: NormalPrior(8),
    "mixture of 50": lambda q: MixturePrior(8, components=50),
    "VampPrior of 50": lambda q: VampPrior(q, pseudo_inputs=x, components=50),
    "flow": lambda q: FlowPrior(8),
}
models, reports = {}, {}
for name, make in priors.items():
    pyro.set_rng_seed(0)
    posterior = NormalPosterior(MLP((1, 8, 8), [200], 2 * 8))
    vae = VAE(make(posterior), posterior, BernoulliLikelihood(MLP(8, [200], (1, 8, 8))))
    fit(vae, data, epochs=80, batch_size=64, progress=False, compile=False)
    models[name], reports[name] = vae, evaluate(vae, data.test, samples=200)

# %%
# In numbers
# ----------
#
# Log-likelihoods of held-out data compare across priors, as the data and the likelihood are the same.
# The KL alone does not: a lower KL with a worse reconstruction does not help.

for name, report in reports.items():
    estimate = report.log_likelihood
    print(
        f"{name:16} ELBO {report.elbo:.2f}  KL {report.kl:.2f}  "
        f"log p(x) {estimate.value:.2f} (data_se {estimate.data_se:.2f})"
    )

# %%
# The error from the data is common to all rows, since they are evaluated on the same images, and the
# differences between rows are known more precisely than it suggests. The error from the seed is not in the table:
# for a claim, train each several times.

# %%
# In pictures
# -----------
#
# The histogram is :math:`q(z)`, the line :math:`p(z)`. The number is the largest difference of their
# distribution functions.

normal = plots.aggregated_posterior(models["standard normal"], x)
vamp = plots.aggregated_posterior(models["VampPrior of 50"], x)

# %%
# And samples, which come from the prior:

samples_normal = plots.samples(models["standard normal"], n=20, columns=10)
samples_vamp = plots.samples(models["VampPrior of 50"], n=20, columns=10)

# %%
# Which one, then?
# ----------------
#
# - `NormalPrior`: to begin with, and where the latent space is to be used (paths, arithmetic,
#   disentangling).
# - `MixturePrior`: clusters, at little cost.
# - `VampPrior`: usually the best bound for its cost; the posterior is evaluated at all pseudo-inputs in
#   each step.
# - `FlowPrior`: any shape; its log density costs a pass through a network.
# - `ExemplarPrior`: like the VampPrior, with training data as pseudo-inputs, which the model keeps.
#
# At MNIST's size, with one budget and with errors over seeds:
# :doc:`/results/compare-priors-mnist` and :doc:`/results/compare-priors-digits`. Writing your own prior
# takes one small class: :doc:`/how_to/new_prior`.
