"""The guide's posterior as a start: some steps of SVI for the images at hand.

A network that serves all images is a little wrong for each. Here each gets a mean and scales of
its own, by a guide of four lines (Kim et al., 2018, https://arxiv.org/abs/1802.02550).

python examples/semi_amortised.py
python examples/semi_amortised.py --data mnist --root data --epochs 10
"""

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from pyro.infer import SVI, Trace_ELBO
from pyro.optim import ClippedAdam
from torch import Tensor

from pyrovae import VAE, fit, load_data
from pyrovae.cli import run
from pyrovae.evaluation import Mean, inference_gap
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, log_weights
from pyrovae.plots.style import COLOURS, DARK, TEXT_SIZE, new_figure, style_axes
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


@torch.no_grad()
def bound(vae: VAE, guide, x: Tensor, draws: int = 100) -> Mean:
    """The mean ELBO with its standard errors, from the draws and from the data."""
    traces = ELBO(num_particles=draws).traces(vae.model, guide, (x,), {})
    return Mean.of(log_weights(*traces, num_particles=draws).values)


def main(
    data: str = "digits", root: str = "data", epochs: int = 50, steps: int = 200, images: int = 100
) -> None:
    """Trains on binarized images and refines the posterior of test images."""
    pyro.set_rng_seed(0)
    loaded = load_data(data, root=root, binarization="dynamic")
    posterior = NormalPosterior(MLP(loaded.shape, [200], 2 * 8))
    vae = VAE(NormalPrior(8), posterior, BernoulliLikelihood(MLP(8, [200], loaded.shape)))
    fit(vae, loaded, epochs=epochs, progress=False)
    vae.eval().requires_grad_(False)
    (x,) = loaded.test.take(images)
    start = posterior(x)

    def guide(x: Tensor) -> None:
        """The same family, with parameters for each image instead of a network."""
        loc = pyro.param("loc", start.mean)
        scale = pyro.param("scale", start.stddev, constraint=constraints.positive)
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Normal(loc, scale).to_event(1))

    before = bound(vae, vae.guide, x)
    optimizer = ClippedAdam({"lr": 0.03, "lrd": 0.1 ** (1 / steps)})
    objective = Trace_ELBO(num_particles=20, vectorize_particles=True, max_plate_nesting=1)
    svi = SVI(vae.model, guide, optimizer, objective)
    bounds = [-svi.step(x) / len(x) for _ in range(steps)]
    print(f"the guide        {before}")
    print(f"after {steps} steps  {bound(vae, guide, x)}")
    # The same by the library, with the log-likelihood that neither bound can pass.
    gap = inference_gap(vae, x)
    print(gap)

    figure = new_figure(5.6, 3.2)
    axes = figure.add_subplot()
    axes.plot(bounds, color=COLOURS[0])
    for name, value in (("log p(x)", gap.log_likelihood.value), ("the guide's", gap.elbo.value)):
        axes.axhline(value, color=DARK, linewidth=0.8)
        axes.annotate(name, (steps, value), va="bottom", ha="right", fontsize=TEXT_SIZE)
    style_axes(axes, title=f"ELBO of {len(x)} images, nats")
    axes.set_xlabel("steps of SVI from the guide's posterior", fontsize=TEXT_SIZE)
    figure.savefig("semi_amortised.png")


if __name__ == "__main__":
    run(main)
