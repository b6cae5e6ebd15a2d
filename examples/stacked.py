"""M1+M2: a semi-supervised VAE of the features that a VAE has found.

python examples/stacked.py
python examples/stacked.py --data mnist --root data --labelled 100 --latents 50 --hidden 500
"""

import pyro
from torch import Tensor

from pyrovae import VAE, fit, load_data, plots
from pyrovae.cli import run
from pyrovae.datasets import Data, TensorSplit
from pyrovae.likelihoods import BernoulliLikelihood, NormalLikelihood
from pyrovae.models import SemiSupervisedVAE
from pyrovae.nn import MLP
from pyrovae.objectives import ClassificationELBO
from pyrovae.posteriors import CategoricalPosterior, NormalPosterior
from pyrovae.priors import NormalPrior


def main(
    data: str = "digits",
    root: str = "data",
    labelled: int = 50,
    weight: float = 46.0,
    latents: int = 8,
    hidden: int = 100,
    epochs: int = 30,
    seed: int = 0,
    progress: bool = False,
) -> None:
    """Trains M1 on images, then M2 on their features, and prints M2's accuracy."""
    images = load_data(data, root=root)
    pyro.set_rng_seed(seed)
    m1 = VAE(
        NormalPrior(latents),
        NormalPosterior(MLP(images.shape, [hidden], 2 * latents)),
        BernoulliLikelihood(MLP(latents, [hidden], images.shape)),
    )
    fit(m1, images, epochs=epochs, seed=seed, progress=progress)

    def features(split: TensorSplit) -> TensorSplit:
        (x,) = split.take(len(split))
        return TensorSplit(m1.encode(x), labels=split.labels)

    codes = Data(features(images.train), test=features(images.test), name=f"features of {data}")
    m2 = SemiSupervisedVAE(
        NormalPrior(latents),
        CategoricalPosterior(MLP(latents, [hidden], 10)),
        NormalPosterior(MLP(latents + 10, [hidden], 2 * latents)),
        NormalLikelihood(MLP(latents + 10, [hidden], latents)),
    )
    few = codes.with_labels(labelled=labelled, seed=seed)
    objective = ClassificationELBO(weight)
    fit(m2, few, objective=objective, epochs=epochs, seed=seed, progress=progress)

    def accuracy(x: Tensor, y: Tensor) -> float:
        return (m2.classify(x).argmax(-1) == y).float().mean().item()

    x, y = images.test.take(2000)[0], images.test.labels[:2000]
    plots.latent_scatter(m1, x, y).savefig("stacked.png")
    print(f"M1+M2 with {labelled} labels: test accuracy {accuracy(*few.test.take(100_000)):.4f}")


if __name__ == "__main__":
    run(main)
