"""Completing an image of which one half is seen: inference in an ordinary VAE.

The model knows whole images. Here it is conditioned on half of one: the likelihood of the other
pixels is masked, NUTS draws latents given the rest, and each of them completes the image.

python examples/inpainting.py
python examples/inpainting.py --data mnist --root data --epochs 10
"""

import math

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import MCMC, NUTS
from torch import Tensor

from pyrovae import VAE, fit, load_data
from pyrovae.cli import run
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.plots.tiles import draw_tiles
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


def main(
    data: str = "digits", root: str = "data", epochs: int = 50, draws: int = 100, images: int = 50
) -> None:
    """Trains on binarized images and completes the lower halves of test images."""
    pyro.set_rng_seed(0)
    loaded = load_data(data, root=root, binarization="dynamic")
    posterior = NormalPosterior(MLP(loaded.shape, [200], 2 * 8))
    vae = VAE(NormalPrior(8), posterior, BernoulliLikelihood(MLP(8, [200], loaded.shape)))
    fit(vae, loaded, epochs=epochs, progress=False)
    vae.eval().requires_grad_(False)
    (x,) = loaded.test.take(images)
    seen = (torch.arange(x.shape[-2]) < x.shape[-2] // 2).unsqueeze(-1).expand(loaded.shape)

    def some(z: Tensor, pixels: Tensor) -> dist.Distribution:
        """The likelihood of some pixels, masked within the event."""
        return vae.likelihood(z).base_dist.mask(pixels).to_event(3)

    def model(x: Tensor) -> None:
        """The trained model, of which the seen pixels are observed."""
        with vae.data_plate(x):
            z = pyro.sample("z", vae.prior())
            pyro.sample("x", some(z, seen), obs=x)

    chains = 5  # for each image, all of them in one batch
    # They keep to their mode: each starts at a draw of the prior, chosen by its likelihood.
    tries = vae.prior().sample((1000, 1))
    chosen = dist.Categorical(logits=some(tries, seen).log_prob(x).mT).sample((chains,))
    start = {"z": tries[chosen, 0].flatten(0, 1)}
    mcmc = MCMC(NUTS(model), draws, draws, start, disable_progbar=True)
    mcmc.run(x.repeat(chains, 1, 1, 1))
    z = mcmc.get_samples()["z"].unflatten(1, (chains, images))

    def of_hidden(z: Tensor) -> Tensor:
        """Log p of each image's hidden pixels, the mean over two dimensions of draws."""
        return some(z, ~seen).log_prob(x).logsumexp((0, 1)) - math.log(draws * chains)

    found = of_hidden(z)
    print(f"log p(hidden half | seen half)  {found.mean():.2f} nats, the mean of {images} images")
    encoded = posterior(torch.where(seen, x, 0.0)).sample((draws, chains))
    prior = vae.prior().sample((draws, chains, images))
    for name, others in (("encoding of half an image", encoded), ("prior", prior)):
        gain = found - of_hidden(others)
        print(f"  above the {name}: {gain.mean():.2f} (data_se {gain.std() / images**0.5:.2f})")

    completed = torch.where(seen, x, vae.likelihood(z[-1]).mean)
    rows = torch.stack([x, torch.where(seen, x, 0.5), *completed])[:, :10]
    names = ["image", "seen", *[f"chain {chain + 1}" for chain in range(chains)]]
    figure = draw_tiles(rows.flatten(0, 1), columns=rows.shape[1], title="", row_labels=names)
    figure.savefig("inpainting.png")


if __name__ == "__main__":
    run(main)
