r"""
What does "variational" add to an autoencoder?
==============================================

An autoencoder compresses an image into a few numbers and draws it again from them. Can it also make
new images? This tutorial trains an autoencoder and a variational one with the same two networks and
samples from both. On the way we meet the three parts that every model here is made of, and the bound
that trains them.
"""

# %%
# The data
# --------
#
# ``load_data`` gives a data set with named splits: training, validation and test data. Pixels are
# binarized anew each time that they are read, so that a Bernoulli likelihood is a distribution of
# the data and not a cross-entropy of grey levels.

import pyro
import torch

from pyrovae import VAE, evaluate, fit, load_data, plots
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import Autoencoder
from pyrovae.nn import MLP
from pyrovae.plots.tiles import draw_tiles
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

pyro.set_rng_seed(0)
data = load_data("digits", binarization="dynamic")
print(data)

# %%
# An autoencoder
# --------------
#
# The encoder maps an image of 1 x 8 x 8 pixels to a code of eight numbers, the decoder maps it back.

autoencoder = Autoencoder(MLP((1, 8, 8), [200], 8), BernoulliLikelihood(MLP(8, [200], (1, 8, 8))))
fit(autoencoder, data, epochs=50, progress=False, compile=False)
(x,) = data.test.take(10)
reconstructed = plots.reconstructions(autoencoder, x)

# %%
# It reconstructs digits that it has not seen. But nothing says which codes are likely, so we have
# nothing to draw new codes from. Codes drawn from N(0, 1) are a guess, and they lie where the
# decoder has never been trained:

noise = torch.randn(20, 8)
guessed = draw_tiles(autoencoder.decode(noise).mean, columns=10, title="Decoded noise")

# %%
# A variational autoencoder
# -------------------------
#
# A variational autoencoder is a probabilistic model of the data. It draws a latent variable
# :math:`z` from a *prior* :math:`p(z)`, and an image from a *likelihood* :math:`p(x \mid z)`. The
# encoder becomes a *posterior* :math:`q(z \mid x)`: for each image it gives a distribution of codes
# and not one code. Its network therefore ends in 2 x 8 numbers, eight means and eight scales.

prior = NormalPrior(8)
posterior = NormalPosterior(MLP((1, 8, 8), [200], 2 * 8))
likelihood = BernoulliLikelihood(MLP(8, [200], (1, 8, 8)))
vae = VAE(prior, posterior, likelihood)

# %%
# ``vae.model`` and ``vae.guide`` are ordinary Pyro programs. Written by hand they would read:
#
# .. code-block:: python
#
#     def model(x):
#         with pyro.plate("data", len(x)):
#             z = pyro.sample("z", prior())
#             pyro.sample("x", likelihood(z), obs=x)
#
#     def guide(x):
#         with pyro.plate("data", len(x)):
#             pyro.sample("z", posterior(x))
#
# Training maximises a lower bound on :math:`\log p(x)`, the ELBO (evidence lower bound):
#
# .. math::
#
#     \log p(x) \ge \mathbb{E}_{q(z \mid x)}[\log p(x \mid z)] -
#     \mathrm{KL}(q(z \mid x) \,\|\, p(z)).
#
# The first term asks for good reconstructions. The second one keeps the codes of all images together
# where the prior is, so that draws from the prior land on codes that the decoder knows.

history = fit(vae, data, epochs=50, progress=False, compile=False)
curves = plots.training_curves(history)

# %%
# New images are draws from the prior, decoded:

sampled = plots.samples(vae, n=20, columns=10)

# %%
# How good is it?
# ---------------
#
# ``evaluate`` reports the bound on held-out data, its two terms, and an estimate of
# :math:`\log p(x)` itself by importance sampling, each with its error.

print(evaluate(vae, data.test, samples=100))

# %%
# The autoencoder has no :math:`p(z)`, so a likelihood is not defined for it, and the report says so:

print(evaluate(autoencoder, data.test, samples=100))

# %%
# Where to go from here: :doc:`2_my_posterior_collapsed`, :doc:`3_which_prior`, or what else one can
# do in a latent space (:doc:`/learn/latent_spaces`).
