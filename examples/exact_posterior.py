"""The exact posterior of an image beside the guide's: how much is lost, and to what.

Over two latents a sum on a grid gives log p(x) and every bound; NUTS needs no grid.
python examples/exact_posterior.py
python examples/exact_posterior.py --data mnist --root data --epochs 20
"""

import pyro
import torch
from pyro.infer import MCMC, NUTS

from pyrovae import VAE, fit, load_data
from pyrovae.cli import run
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
    values, surface = values.numpy(), log_density.view(len(values), -1).mT.numpy()
    axes.contour(values, values, surface, levels, colors=colour, linestyles="-")


def main(data: str = "digits", root: str = "data", epochs: int = 100, draws: int = 500) -> None:
    """Trains on binarized images; of three others it shows amortisation + approximation gap."""
    pyro.set_rng_seed(0)
    loaded = load_data(data, root=root, binarization="dynamic")
    posterior = NormalPosterior(MLP(loaded.shape, [200], 2 * 2))
    vae = VAE(NormalPrior(2), posterior, BernoulliLikelihood(MLP(2, [200], loaded.shape)))
    fit(vae, loaded, epochs=epochs, progress=False)
    vae.eval().requires_grad_(False)
    (x,) = loaded.test.take(3)

    values = torch.linspace(-5, 5, 800)
    z = torch.cartesian_prod(values, values).unsqueeze(1)
    log_likelihood = torch.cat([vae.likelihood(part).log_prob(x) for part in z.split(5000)])
    joint, cell = vae.prior().log_prob(z) + log_likelihood, (values[1] - values[0]).square()
    evidence = joint.logsumexp(0) + cell.log()
    normals = posterior(x), refined_posterior(vae, x)
    guide, best = (q.log_prob(z) for q in normals)
    elbo, best_elbo = (cell * (q.exp() * (joint - q)).sum(0) for q in (guide, best))

    # From the best normal, because a chain does not cross from one mode to another.
    start = {"z": normals[1].mean}
    mcmc = MCMC(NUTS(vae.model), draws, draws // 2, start, disable_progbar=True)
    mcmc.run(x)
    drawn, effective = mcmc.get_samples()["z"], mcmc.diagnostics()["z"]["n_eff"]
    mean = (joint.softmax(0).unsqueeze(-1) * z).sum(0)
    off = ((drawn.mean(0) - mean) / drawn.std(0) * effective.sqrt()).abs().amax(-1)

    figure = new_figure(9.0, 3.9)
    lines = {"exact": (joint, "black"), "guide": (guide, COLOURS[2]), "best": (best, COLOURS[0])}
    for i, axes in enumerate(figure.subplots(1, 3)):
        gap = f"{best_elbo[i] - elbo[i]:.2f} + {evidence[i] - best_elbo[i]:.2f} nats"
        found = f"log p(x) {evidence[i]:.2f}  ELBO {elbo[i]:.2f}  gap {gap}"
        print(f"image {i + 1}  {found}; NUTS's mean is {off[i]:.1f} standard errors off")
        axes.scatter(*drawn[:, i].T.numpy(), s=4, color="0.75", linewidths=0, label="NUTS")
        for name, (density, colour) in lines.items():
            outline(axes, values, density[:, i], colour)
            axes.plot([], color=colour, label=name)
        style_axes(axes, title=gap)
        shown = torch.cat([drawn[:, i], normals[0].sample((draws,))[:, i]])
        (left, low), (right, high) = shown.amin(0).tolist(), shown.amax(0).tolist()
        axes.set(xlim=(left, right), ylim=(low, high + 0.3 * (high - low)))
        inset = axes.inset_axes([0, 0.75, 0.25, 0.25], xticks=[], yticks=[])
        inset.imshow(x[i, 0].numpy(), cmap="gray")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig("exact_posterior.png")
    print(inference_gap(vae, x))  # without a grid, for any number of latents


if __name__ == "__main__":
    run(main)
