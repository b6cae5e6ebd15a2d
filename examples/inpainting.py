"""Completing an image of which one half is seen: inference in an ordinary VAE.

The model is trained on whole images. What is seen of a new one conditions it: the likelihood of
the other pixels is masked, NUTS draws latents given the rest, and each of them completes it.

python examples/inpainting.py
python examples/inpainting.py --data mnist --root data --epochs 10
"""

import math

import pyro
import torch
from jsonargparse import auto_cli
from pyro.infer import MCMC, NUTS
from torch import Tensor

from pyrovae import VAE, fit, load_data
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.plots.tiles import draw_tiles
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


def main(
    data: str = "digits", root: str = "data", epochs: int = 50, draws: int = 100, images: int = 8
) -> None:
    """Trains on binarized images and completes the lower halves of test images."""
    pyro.set_rng_seed(0)
    loaded = load_data(data, root=root, binarization="dynamic")
    posterior = NormalPosterior(MLP(loaded.shape, [200], 2 * 8))
    vae = VAE(NormalPrior(8), posterior, BernoulliLikelihood(MLP(8, [200], loaded.shape)))
    fit(vae, loaded, epochs=epochs, progress=False)
    vae.eval().requires_grad_(False)

    (x,) = loaded.test.take(images)
    seen = torch.ones(loaded.shape, dtype=torch.bool)
    seen[:, loaded.shape[1] // 2 :] = False

    def model(x: Tensor) -> None:
        """The trained model, of which some pixels are observed."""
        with vae.data_plate(x):
            z = pyro.sample("z", vae.prior())
            pixels = vae.likelihood(z).base_dist
            pyro.sample("x", pixels.mask(seen).to_event(3), obs=x)

    # Several chains for each image, each from a start of its own, in one batch.
    chains = 5
    mcmc = MCMC(NUTS(model), num_samples=draws, warmup_steps=draws, disable_progbar=True)
    mcmc.run(x.repeat(chains, 1, 1, 1))
    z = mcmc.get_samples()["z"].unflatten(1, (chains, images))

    def of_hidden(z: Tensor) -> Tensor:
        """Log p(hidden pixels) of each image, by the mean over two dimensions of draws."""
        pixels = vae.likelihood(z).base_dist.mask(~seen).to_event(3)
        log_p = pixels.log_prob(x).flatten(0, 1)
        return log_p.logsumexp(0) - math.log(len(log_p))

    found = of_hidden(z)
    print(f"log p(hidden half | seen half)  {found.mean():.2f} nats, a mean over {images} images")
    encoded = posterior(torch.where(seen, x, 0.0)).sample((draws, chains))
    prior = vae.prior().sample((draws, chains, images))
    for name, others in (("the encoding of the seen half", encoded), ("the prior", prior)):
        gain = found - of_hidden(others)
        print(f"  above {name}: {gain.mean():.2f} nats (data_se {gain.std() / images**0.5:.2f})")

    completions = torch.where(seen, x, vae.likelihood(z[-1]).mean)
    shown = torch.where(seen, x, 0.5)
    rows = torch.stack([x, shown, *completions]).flatten(0, 1)
    names = ["image", "seen", *[""] * chains]
    figure = draw_tiles(rows, columns=images, title="Completions", row_labels=names)
    figure.savefig("inpainting.png")


if __name__ == "__main__":
    auto_cli(main)
