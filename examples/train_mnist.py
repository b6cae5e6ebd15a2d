"""The library's trainer on MNIST: history, checkpoint, report and figures.

python examples/train_mnist.py --root data --download true
"""

from pathlib import Path

import pyro

from pyrovae import VAE, evaluate, fit, load_data, plots, save
from pyrovae.cli import run
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


def main(
    data: str = "mnist",
    root: str = "data",
    download: bool = False,
    epochs: int = 20,
    samples: int = 100,
    out: str = "runs/train_mnist",
) -> None:
    """Trains on images that are binarized anew each time they are drawn."""
    images = load_data(data, root=root, download=download, binarization="dynamic")
    pyro.set_rng_seed(0)
    vae = VAE(
        NormalPrior(20),
        NormalPosterior(MLP(images.shape, [400], 2 * 20)),
        BernoulliLikelihood(MLP(20, [400], images.shape)),
    )
    history = fit(vae, images, epochs=epochs, checkpoint=f"{out}/checkpoint.pt")
    history.save(f"{out}/history.csv")
    save(vae, f"{out}/vae.pt")

    print(evaluate(vae, images.test, train=images.train, samples=samples))

    (x,) = images.test.take(10)
    plots.training_curves(history).savefig(Path(out) / "training_curves.png")
    plots.reconstructions(vae, x).savefig(Path(out) / "reconstructions.png")
    plots.samples(vae).savefig(Path(out) / "samples.png")
    print(f"figures in {out}")


if __name__ == "__main__":
    run(main)
