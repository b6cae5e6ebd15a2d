r"""
Is my likelihood right?
=======================

The likelihood :math:`p(x \mid z)` says what kind of numbers the data are. It decides what the ELBO
means, whether two models compare, and what samples look like. Grey images are where most mistakes are
made, because a picture does not say whether its values are probabilities, measurements or levels.
"""

# %%
# Grey levels under a Bernoulli
# -----------------------------
#
# Most VAE tutorials put grey values between 0 and 1 into a Bernoulli likelihood. It has a value there,
# :math:`x \log p + (1 - x) \log(1 - p)`, but that is a cross-entropy and not a log-probability: it does not
# sum or integrate to one. It trains, the pictures look fine, and the number compares with nothing but
# itself. The report says so.

import pyro
import torch

from pyrovae import VAE, evaluate, fit, load_data
from pyrovae.datasets import Data
from pyrovae.likelihoods import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    ContinuousBernoulliLikelihood,
    DiscretizedLogisticLikelihood,
    Likelihood,
    NormalLikelihood,
)
from pyrovae.nn import MLP
from pyrovae.plots.tiles import draw_tiles
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

shape = (1, 8, 8)


def train(likelihood: Likelihood, data: Data) -> VAE:
    pyro.set_rng_seed(0)
    vae = VAE(NormalPrior(8), NormalPosterior(MLP(shape, [200], 2 * 8)), likelihood)
    fit(vae, data, epochs=40, batch_size=64, progress=False, compile=False)
    return vae


grey = load_data("digits")
bernoulli = train(BernoulliLikelihood(MLP(8, [200], shape)), grey)
print(evaluate(bernoulli, grey.test, samples=50))

# %%
# Binary data
# -----------
#
# If you want a Bernoulli, make the data binary. ``binarization="dynamic"`` draws each pixel anew with
# its grey value as the probability, as most published MNIST numbers do. There are several protocols
# (dynamic, drawn once, thresholded), their numbers differ by several nats, and a report names its own.

binary = load_data("digits", binarization="dynamic")
print(evaluate(train(BernoulliLikelihood(MLP(8, [200], shape)), binary), binary.test, samples=50))

# %%
# Densities of grey values
# ------------------------
#
# The continuous Bernoulli is what the cross-entropy becomes when it is normalised. A normal with a
# learned scale is the usual choice for measurements. Both are *densities*: their logarithm may be
# positive, and it changes when the data are rescaled. Compare densities only in the same units, and beware
# of values that occur exactly and often: half of these pixels are exactly 0, and a density may grow there
# without having learnt anything about digits. That is where the continuous Bernoulli's lead comes from.

continuous = train(ContinuousBernoulliLikelihood(MLP(8, [200], shape)), grey)
normal = train(NormalLikelihood(MLP(8, [200], shape), scale="learned"), grey)
for name, vae in (("continuous Bernoulli", continuous), ("normal", normal)):
    print(f"{name:22} ELBO {evaluate(vae, grey.test, samples=50).elbo:.2f}")

# %%
# Levels
# ------
#
# Digits here have 17 levels, 0 to 16. Models of levels are *probabilities* of data, at most one, and
# give bits per dimension that compare across all of them.
#
# `CategoricalLikelihood` learns a probability for each level of each pixel,
# `DiscretizedLogisticLikelihood` rounds a logistic density to levels.

logistic = train(DiscretizedLogisticLikelihood(MLP(8, [200], shape), levels=17), grey)
categorical = train(CategoricalLikelihood(MLP(8, [200], (17, 8, 8)), categories=17), grey)
for name, vae in (("discretized logistic", logistic), ("categorical", categorical)):
    report = evaluate(vae, grey.test, samples=50)
    print(f"{name:22} ELBO {report.elbo:.2f}  bits per dim {report.bits_per_dim:.3f}")

# %%
# Means are not samples
# ---------------------
#
# Figures of VAEs show means of :math:`p(x \mid z)`, because they look better. A sample of the model has
# the noise of the likelihood in it. Looking at both is the quickest check: if samples of
# :math:`x` do not look like data, the likelihood is wrong, or fits badly.

z = normal.prior().sample((10,))
for_levels = categorical.prior().sample((10,))
shown = draw_tiles(
    torch.cat(
        [
            normal.decode(z).mean,
            normal.decode(z).sample(),
            categorical.decode(for_levels).mean,
            categorical.decode(for_levels).sample(),
        ]
    ),
    columns=10,
    title="Draws of two models",
    row_labels=["normal, mean", "normal, sample", "categorical, mean", "categorical, sample"],
)
