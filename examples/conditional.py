"""A conditional VAE: one row of images for each class, one column for each style.

python examples/conditional.py
python examples/conditional.py --data mnist --root data --epochs 20 --hidden 400 --latents 16
"""

from pathlib import Path

import pyro
import torch

from pyrovae import evaluate, fit, load_data
from pyrovae.cli import run
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import ConditionalVAE
from pyrovae.nn import MLP
from pyrovae.plots.tiles import draw_tiles
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


def main(
    data: str = "digits",
    root: str = "data",
    epochs: int = 100,
    latents: int = 8,
    hidden: int = 200,
    samples: int = 100,
    progress: bool = False,
    out: str = "runs/conditional",
) -> None:
    """Trains p(x|y) on images whose class y is given, and prints its bound."""
    images = load_data(data, root=root, binarization="dynamic").with_labels()
    pyro.set_rng_seed(0)
    pixels, classes = images.shape.numel(), 10
    # The networks have room for the one-hot class beside the image, and beside the latents.
    cvae = ConditionalVAE(
        NormalPrior(latents),
        NormalPosterior(MLP(pixels + classes, [hidden], 2 * latents)),
        BernoulliLikelihood(MLP(latents + classes, [hidden], images.shape)),
        classes=classes,
    )
    fit(cvae, images, epochs=epochs, progress=progress)
    print("log p(x|y) of the test images:")
    print(evaluate(cvae, images.test, train=images.train, samples=samples))

    styles = torch.randn(12, latents)
    rows = [cvae.decode(styles, digit).mean for digit in range(classes)]
    figure = draw_tiles(
        torch.cat(rows),
        columns=len(styles),
        title="A row for each class, a column for each z",
        row_labels=[str(digit) for digit in range(classes)],
    )
    Path(out).mkdir(parents=True, exist_ok=True)
    figure.savefig(Path(out) / "classes.png")
    print(f"figure in {out}; eight images of the class 3: {tuple(cvae.sample(8, 3).shape)}")


if __name__ == "__main__":
    run(main)
