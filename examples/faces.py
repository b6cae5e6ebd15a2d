"""Faces: adding a smile, taking it away, and turning one face into another.

python examples/faces.py --data freyfaces.npy
python examples/faces.py --data celeba --root data --attribute Smiling
"""

from pathlib import Path

import pyro
import torch
from torch import Tensor

from pyrovae import VAE, fit, load_data, plots
from pyrovae.cli import run
from pyrovae.datasets import Data
from pyrovae.latent_space import attribute_vector
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.nn import MLP, ConvDecoder, ConvEncoder, Network
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

FREY = (1, 28, 20)


def find_attribute(data: Data, name: str) -> tuple[str, Tensor]:
    """Which training data have an attribute: known of CelebA, else read off pixels or labels."""
    if data.attribute_names is not None:
        return name, data.attribute(name)
    if data.shape == FREY:
        # A smile folds the cheek: it is dark beside the nose in the quarter that smiles most.
        (x,) = data.train.take(len(data.train))
        cheek = x[:, 0, 14:18, 4:7].mean((1, 2))
        return "smile", cheek < cheek.quantile(0.25)
    if data.train.labels is None:
        raise ValueError(f"{data.name}: expected data with attributes or labels")
    return "closed loop", torch.isin(data.train.labels, torch.tensor([0, 6, 8, 9]))


def networks(shape: torch.Size, latents: int) -> tuple[Network, Network]:
    """Dense for small images, convolutions for large ones."""
    if shape[-1] < 32:
        return MLP(shape, [200], 2 * latents), MLP(latents, [200], shape)
    return (
        ConvEncoder(shape, 2 * latents, channels=[32, 64, 128, 256], dense=[256]),
        ConvDecoder(latents, shape, channels=[256, 128, 64, 32], dense=[256]),
    )


def main(
    data: str = "digits",
    root: str = "data",
    attribute: str = "Smiling",
    epochs: int = 200,
    latents: int = 10,
    out: str = "runs/faces",
) -> None:
    """Trains a VAE, finds what the data with the attribute have in common, and draws it."""
    images = load_data(data, root=root)
    name, mask = find_attribute(images, attribute)
    pyro.set_rng_seed(0)
    encoder, decoder = networks(images.shape, latents)
    vae = VAE(NormalPrior(latents), NormalPosterior(encoder), NormalLikelihood(decoder))
    history = fit(vae, images, epochs=epochs, progress=False)
    vector = attribute_vector(vae, images.train, mask)
    print(
        f"{images.name}: {int(mask.sum())} of {len(mask)} have {name!r}, "
        f"validation ELBO {history[-1]['validation_elbo']:.1f} nats"
    )

    (x,) = images.test.take(10)
    Path(out).mkdir(parents=True, exist_ok=True)
    plots.attribute(vae, x[:5], vector, name=name).savefig(f"{out}/attribute.png")
    plots.interpolation(vae, x[:5], x[5:], path="spherical").savefig(f"{out}/morph.png")
    print(f"attribute.png and morph.png in {out}")


if __name__ == "__main__":
    run(main)
