"""The exact posterior of an image beside the guide's: how much is lost, and to what.

Over two latents a sum on a grid gives log p(x) and every bound; NUTS needs no grid.

python examples/exact_posterior.py
python examples/exact_posterior.py --data mnist --root data --epochs 20
"""

import pyro
import torch
from jsonargparse import auto_cli
from pyro.infer import MCMC, NUTS

from pyrovae import VAE, fit, load_data
from pyrovae.evaluation import inference_gap, refined_posterior
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.plots.style import COLOURS, new_figure, style_axes
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


def outline(axes, values, log_density, colour):
    """Draws the smallest regions that hold half and nine tenths of a distribution."""
    mass, order = log_density.softmax(0).sort(descending=True)
    levels = [log_density[order[(mass.cumsum(0) < share).sum()]].item() for share in (0.9, 0.5)]
    surface = log_density.view(len(values), -1).mT
    axes.contour(values, values, surface, levels, colors=colour, linestyles="-")


def main(data: str = "digits", root: str = "data", epochs: int = 100, draws: int = 500) -> None:
    """Trains on binarized images, then looks at three that it has not seen."""
    pyro.set_rng_seed(0)
    loaded = load_data(data, root=root, binarization="dynamic")
    posterior = NormalPosterior(MLP(loaded.shape, [200], 2 * 2))
    vae = VAE(NormalPrior(2), posterior, BernoulliLikelihood(MLP(2, [200], loaded.shape)))
    fit(vae, loaded, epochs=epochs, progress=False)
    vae.eval().requires_grad_(False)
    (x,) = loaded.test.take(3)

    values = torch.linspace(-6, 6, 600)
    z = torch.cartesian_prod(values, values).unsqueeze(1)
    log_likelihood = torch.cat([vae.likelihood(part).log_prob(x) for part in z.split(5000)])
    joint, cell = vae.prior().log_prob(z) + log_likelihood, (values[1] - values[0]).square()
    evidence = joint.logsumexp(0) + cell.log()
    guide, best = (q.log_prob(z) for q in (posterior(x), refined_posterior(vae, x)))
    elbo, best_elbo = (cell * (q.exp() * (joint - q)).sum(0) for q in (guide, best))

    mcmc = MCMC(NUTS(vae.model), num_samples=draws, warmup_steps=draws // 2, disable_progbar=True)
    mcmc.run(x)
    drawn, effective = mcmc.get_samples()["z"], mcmc.diagnostics()["z"]["n_eff"]
    mean = (joint.softmax(0).unsqueeze(-1) * z).sum(0)
    off = ((drawn.mean(0) - mean) / drawn.std(0) * effective.sqrt()).abs().amax(-1)

    figure = new_figure(9.0, 3.9)
    lines = {"exact": (joint, "black"), "guide": (guide, COLOURS[2]), "best": (best, COLOURS[0])}
    for i, axes in enumerate(figure.subplots(1, 3)):
        gap = f"{best_elbo[i] - elbo[i]:.3f} (amortisation) + {evidence[i] - best_elbo[i]:.3f}"
        print(
            f"image {i + 1}  log p(x) {evidence[i]:.3f}  ELBO {elbo[i]:.3f}  gap {gap} nats",
            end="",
        )
        print(f"; NUTS's mean is {off[i]:.1f} standard errors off")
        axes.scatter(*drawn[:, i].T, s=4, color="0.75", linewidths=0, label="NUTS")
        for name, (density, colour) in lines.items():
            outline(axes, values, density[:, i], colour)
            axes.plot([], color=colour, label=name)
        style_axes(axes, title=f"gap {gap}")
        axes.set(xlim=drawn[:, i, 0].aminmax(), ylim=drawn[:, i, 1].aminmax())
        axes.inset_axes([0, 0.75, 0.25, 0.25], xticks=[], yticks=[]).imshow(x[i, 0], cmap="gray")
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False
    )
    figure.savefig("exact_posterior.png")
    print(inference_gap(vae, x))  # without a grid, for any number of latents


if __name__ == "__main__":
    auto_cli(main)
