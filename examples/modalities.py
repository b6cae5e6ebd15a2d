"""Digits and their labels as two modalities: each is generated from the other.

python examples/modalities.py
python examples/modalities.py --posterior MixturePosterior
"""

import pyro
import torch
from sklearn.linear_model import LogisticRegression

from pyrovae import evaluate, fit, load_data, plots, posteriors
from pyrovae.cli import run
from pyrovae.datasets import TensorSplit
from pyrovae.likelihoods import BernoulliLikelihood, TokensLikelihood
from pyrovae.models import MultimodalVAE
from pyrovae.nn import MLP, Chain, Covariates
from pyrovae.objectives import StratifiedELBO, SubsetsELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

CLASSES, PIXELS = 10, (1, 8, 8)


def paired(split, labelled: float = 1.0):
    """Images with their labels, of which only a share is there."""
    (x,) = split.take(len(split))
    y = split.labels[:, None].float()
    present = torch.ones(len(x), 2, dtype=torch.bool)
    present[:, 1] = torch.rand(len(x), generator=torch.Generator().manual_seed(0)) < labelled
    return TensorSplit(x, y, present)


def main(
    posterior: str = "ProductPosterior",
    labelled: float = 0.5,
    latents: int = 16,
    hidden: int = 200,
    epochs: int = 100,
    samples: int = 200,
) -> None:
    """Prints the joint report, and how often one modality made from the other is right."""
    data = load_data("digits", binarization="static")
    pyro.set_rng_seed(0)
    of_images = NormalPosterior(MLP(PIXELS, [hidden], 2 * latents))
    of_labels = NormalPosterior(
        Chain([Covariates([CLASSES]), MLP(CLASSES, [hidden], 2 * latents)])
    )
    vae = MultimodalVAE(
        NormalPrior(latents),
        getattr(posteriors, posterior)([of_images, of_labels]),
        {
            "image": BernoulliLikelihood(MLP(latents, [hidden], PIXELS)),
            "label": TokensLikelihood(MLP(latents, [hidden], CLASSES), tokens=CLASSES),
        },
    )
    product = posterior == "ProductPosterior"
    fit(
        vae,
        paired(data.train, labelled),
        objective=SubsetsELBO() if product else StratifiedELBO(num_particles=6),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=2e-3),
        epochs=epochs,
        batch_size=100,
    )
    print(evaluate(vae, paired(data.test), samples=samples))

    x, y, _ = paired(data.test).tensors
    told = vae.reconstruct({"image": x}, to="label")
    print(f"labels of images: {(told == y).float().mean():.2f} right")
    (seen,) = data.train.take(len(data.train))
    judge = LogisticRegression(max_iter=500).fit(seen.flatten(1), data.train.labels)
    drawn = vae.reconstruct({"label": y}, to="image", draw=True)
    plots.samples(vae.only("image")).savefig("modalities.png")
    print(f"images of labels: {judge.score(drawn.flatten(1), y[:, 0]):.2f} recognised")


if __name__ == "__main__":
    run(main)
