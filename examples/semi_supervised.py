"""A semi-supervised VAE (M2): a classifier from few labels and many images without.

python examples/semi_supervised.py
python examples/semi_supervised.py --weight 0       # the bound alone, without classification term
python examples/semi_supervised.py --data mnist --root data --labelled 3000 --latents 50
     --hidden 500 --batch_size 200 --epochs 50

The last one is the protocol of Pyro's tutorial on the semi-supervised VAE (grey levels, 10,000 of
the 60,000 training images kept aside, softplus MLPs, Adam 4.2e-4 with beta1 0.9, weight 46), but
for one thing: there labelled images come in batches of their own, here the batches are mixed.
"""

from functools import partial

import pyro
import torch

from pyrovae import fit, load_data
from pyrovae.cli import run
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
    seed: int = 0,
    progress: bool = False,
) -> None:
    """Trains on images of which a few have labels, and prints the accuracy on test images."""
    images = load_data(data, root=root, validation=10_000 if data == "mnist" else 0.1)
    images = images.with_labels(labelled=labelled, seed=seed)
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


if __name__ == "__main__":
    run(main)
