"""A semi-supervised VAE (M2): a classifier from few labels and many images without.

python examples/semi_supervised.py
python examples/semi_supervised.py --weight 0       # the bound alone, without classification term
python examples/semi_supervised.py --data mnist --root data --labelled 3000 --latents 50
     --hidden 500 --batch_size 200 --epochs 50 --apart

The last one has the sizes of Pyro's tutorial on the semi-supervised VAE (grey levels, 10,000 of
the 60,000 training images kept aside, softplus MLPs, labelled images in batches of their own, Adam
4.2e-4, weight 46); ``python -m benchmarks.published m2-classified`` follows it in all.
"""

from dataclasses import replace
from functools import partial

import pyro
import torch

from pyrovae import fit, load_data, plots
from pyrovae.cli import run
from pyrovae.datasets import LabelledApart
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import SemiSupervisedVAE
from pyrovae.nn import MLP
from pyrovae.objectives import ClassificationELBO, EnumeratedELBO
from pyrovae.posteriors import CategoricalPosterior, NormalPosterior
from pyrovae.priors import NormalPrior


def main(
    data: str = "digits",
    root: str = "data",
    labelled: int = 50,
    weight: float = 46.0,
    latents: int = 8,
    hidden: int = 100,
    batch_size: int = 50,
    lr: float = 4.2e-4,
    epochs: int = 30,
    apart: bool = False,
    seed: int = 0,
    progress: bool = False,
) -> None:
    """Trains on images of which a few have labels, and prints the accuracy on test images."""
    images = load_data(data, root=root, validation=10_000 if data == "mnist" else 0.1)
    images = images.with_labels(labelled=labelled, seed=seed)
    if apart:
        images = replace(images, train=LabelledApart(images.train))
    pyro.set_rng_seed(seed)
    network, pixels, classes = partial(MLP, activation="softplus"), images.shape.numel(), 10
    vae = SemiSupervisedVAE(
        NormalPrior(latents),
        CategoricalPosterior(network(images.shape, [hidden], classes)),
        NormalPosterior(network(pixels + classes, [hidden], 2 * latents)),
        BernoulliLikelihood(network(latents + classes, [hidden], images.shape)),
    )
    x, y = images.test.take(len(images.test))

    def report(row: dict[str, float]) -> None:
        accuracy = (vae.classify(x).argmax(-1) == y).float().mean()
        print(f"epoch {row['epoch']:3}  loss {row['loss']:8.2f}  test accuracy {accuracy:.4f}")

    fit(
        vae,
        images,
        objective=ClassificationELBO(weight) if weight else EnumeratedELBO(),
        epochs=epochs,
        batch_size=batch_size,
        optimizer=partial(torch.optim.Adam, lr=lr, betas=(0.9, 0.999), fused=True),
        seed=seed,
        progress=progress,
        on_epoch=report,
    )
    plots.samples(vae).savefig("semi_supervised.png")


if __name__ == "__main__":
    run(main)
