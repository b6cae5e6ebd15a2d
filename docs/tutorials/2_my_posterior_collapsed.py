r"""
My posterior collapsed. What now?
=================================

A report says "the posterior of 'z' has collapsed": the guide gives the same distribution for every
datum, the prior. The latent variable then carries no information about the data, and the decoder ignores it.
It is the most frequent complaint about VAEs, and it has more than one cause. This tutorial makes one
collapse on purpose, reads the signs, and tries four remedies.
"""

# %%
# A collapse
# ----------
#
# Take grey digits under a normal likelihood whose scale is fixed at 1. Pixels lie between 0 and 1, so
# the model is told that they are mostly noise. All that a latent could explain is worth less, in nats,
# than what it costs.

from collections.abc import Callable

import pyro
from pyro.infer import ELBO as PyroELBO

from pyrovae import VAE, evaluate, fit, load_data, plots
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import FreeBitsELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior
from pyrovae.schedules import LinearWarmup, Schedule

data = load_data("digits")


def train(
    scale: float | str,
    *,
    objective: PyroELBO | None = None,
    beta: float | Schedule = 1.0,
) -> VAE:
    pyro.set_rng_seed(0)
    vae = VAE(
        NormalPrior(8),
        NormalPosterior(MLP((1, 8, 8), [100], 2 * 8)),
        NormalLikelihood(MLP(8, [100], (1, 8, 8)), scale=scale),
    )
    fit(
        vae,
        data,
        objective=objective,
        beta=beta,
        epochs=30,
        batch_size=64,
        seed=0,
        progress=False,
        compile=False,
    )
    return vae


collapsed = train(1.0)
report = evaluate(collapsed, data.test, samples=10)
print(report)

# %%
# What to look at
# ---------------
#
# The KL divergence is the sign that counts: it bounds from above what the latent says about a datum.
# Near zero nats there is nothing in it. Reconstructions all look like the mean of the data.

(x,) = data.test.take(10)
blurred = plots.reconstructions(collapsed, x)

# %%
# Active units are counted per latent variable. A model with eight variables of which five are active
# has *not* collapsed: it does not need the others. The report warns only where the KL of a whole site
# is near zero.

print(f"KL {report.kl:.3f} nats, active units {report.active_units} of {report.units}")

# %%
# First remedy: say what the noise is
# -----------------------------------
#
# A fixed scale is a weight on the reconstruction in disguise: a scale of 1 in place of 0.1 is a KL
# weight 100 times as large. Let the model learn it (Rybkin et al., 2021). Most collapses under normal
# likelihoods end here.

learned = train("learned")
print(evaluate(learned, data.test, samples=10))
sharp = plots.reconstructions(learned, x)

# %%
# Other remedies
# --------------
#
# Where the likelihood is right and the latent still dies early in training, before the decoder has
# learnt to use it, three remedies of the field keep it alive:
#
# - a warm-up of the KL's weight (``beta=LinearWarmup(10)``), which makes the latent cheap at first;
# - free bits (`FreeBitsELBO`), which give the first nats of each latent for free;
# - a fixed lower weight (``beta=0.1``), which trains another objective than the ELBO.
#
# They change what is optimised and not what is reported: the ELBO of a report has a weight of one.
# Here they are applied to the model with the wrong scale.

remedies: dict[str, Callable[[], VAE]] = {
    "scale 1": lambda: collapsed,
    "warm-up over 10 epochs": lambda: train(1.0, beta=LinearWarmup(10)),
    "4 free nats": lambda: train(1.0, objective=FreeBitsELBO(free_nats=4.0)),
    "beta = 0.1": lambda: train(1.0, beta=0.1),
    "learned scale": lambda: learned,
}
for name, remedy in remedies.items():
    found = evaluate(remedy(), data.test, samples=10)
    print(f"{name:24}  ELBO {found.elbo:8.2f}  KL {found.kl:6.2f}")

# %%
# The warm-up comes back to where it started: with the weight at one, collapsing is the optimum of this
# model, and no schedule changes an optimum. Free bits and a low beta fill the latent at the price of
# the bound. Only the learned scale gives a better model of the data. So first ask whether the
# likelihood is right, then help the optimiser. The report also suggests a warm-up and
# a weaker decoder: it sees a KL near zero, not its cause, so its advice covers every collapse. A warm-up
# helps where a latent dies early although the optimum would use it.
