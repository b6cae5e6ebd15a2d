"""Posteriors of several modalities side by side, on digits and their labels.

python -m benchmarks.modalities                                # docs/results/modalities.md
python -m benchmarks.modalities --seeds '[0]' --epochs 5
"""

from pathlib import Path
from statistics import mean
from typing import Any

import pyro
import torch
from sklearn.linear_model import LogisticRegression

from pyrovae import evaluate, fit, load_data
from pyrovae.cli import run
from pyrovae.datasets import Data, TensorSplit
from pyrovae.files import atomic
from pyrovae.likelihoods import BernoulliLikelihood, TokensLikelihood
from pyrovae.models import MultimodalVAE
from pyrovae.nn import MLP, Chain, Covariates
from pyrovae.objectives import ImportanceWeightedELBO, StratifiedELBO, SubsetsELBO
from pyrovae.posteriors import (
    MixtureOfProductsPosterior,
    MixturePosterior,
    NormalPosterior,
    ProductPosterior,
)
from pyrovae.priors import NormalPrior

CLASSES, LATENTS, HIDDEN = 10, 16, [128]
MODELS: dict[str, tuple[Any, Any]] = {
    "product, joint bound alone": (
        ProductPosterior,
        lambda: ImportanceWeightedELBO(num_particles=3),
    ),
    "product, all subsets (MVAE)": (
        ProductPosterior,
        lambda: SubsetsELBO(ImportanceWeightedELBO(num_particles=3)),
    ),
    "mixture, stratified (MMVAE)": (MixturePosterior, lambda: StratifiedELBO(num_particles=6)),
    "mixture of products, stratified (MoPoE)": (
        MixtureOfProductsPosterior,
        lambda: StratifiedELBO(num_particles=9),
    ),
}
TEXT = """*log p(x, y)*: nats per pair on test pairs, from {samples} importance samples; higher is better. *Label of an
image*: the share of test images for which the most probable label, at the mean of q(z | image), is right. *Image
of a label*: images are drawn at the mean of q(z | label); this is the share that a classifier recognises as the
label. The classifier is a logistic regression of the training images, which is right on {judge:.0f} % of the test images."""


def pairs(split: Any) -> TensorSplit:
    """Images and labels."""
    (x,) = split.take(len(split))
    return TensorSplit(x, split.labels[:, None].float())


def measured(
    name: str, data: Data, judge: Any, *, seed: int, epochs: int, samples: int
) -> dict[str, float]:
    """What a posterior and its objective make of the digits."""
    kind, objective = MODELS[name]
    shape = data.shape
    pyro.set_rng_seed(seed)
    experts = [
        NormalPosterior(MLP(shape, HIDDEN, 2 * LATENTS)),
        NormalPosterior(Chain([Covariates([CLASSES]), MLP(CLASSES, HIDDEN, 2 * LATENTS)])),
    ]
    model = MultimodalVAE(
        NormalPrior(LATENTS),
        kind(experts),
        {
            "image": BernoulliLikelihood(MLP(LATENTS, HIDDEN, shape)),
            "label": TokensLikelihood(MLP(LATENTS, HIDDEN, CLASSES), tokens=CLASSES),
        },
    )
    fit(
        model,
        Data(train=pairs(data.train)),
        objective=objective(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=2e-3),
        epochs=epochs,
        batch_size=100,
        progress=False,
        compile=False,
    )
    test = pairs(data.test)
    report = evaluate(model, test, samples=samples, compile=False)
    assert report.log_likelihood is not None
    x, y = test.tensors
    told = model.reconstruct({"image": x}, to="label")
    drawn = model.reconstruct({"label": y}, to="image", draw=True)
    return {
        "log p(x, y)": report.log_likelihood.value,
        "label of an image": (told == y).float().mean().item(),
        "image of a label": float(judge.score(drawn.flatten(1), y[:, 0])),
    }


def main(
    seeds: list[int] = [0, 1, 2],  # noqa: B006
    epochs: int = 60,
    samples: int = 200,
    machine: str = "an AMD EPYC, one of two cores",
    out: Path = Path("docs/results"),
) -> None:
    """Measures everything, and writes ``modalities.md`` into a folder."""
    data = load_data("digits", binarization="static")
    assert data.test is not None
    (seen,) = data.train.take(len(data.train))
    judge = LogisticRegression(max_iter=500).fit(seen.flatten(1), data.train.labels)
    (unseen,) = data.test.take(len(data.test))
    known = 100 * float(judge.score(unseen.flatten(1), data.test.labels))
    columns: list[str] = []
    table = []
    for name in MODELS:
        each = [
            measured(name, data, judge, seed=seed, epochs=epochs, samples=samples)
            for seed in seeds
        ]
        columns = list(each[0])
        table.append(
            f"| {name} | " + " | ".join(f"{mean(e[c] for e in each):.2f}" for c in columns) + " |"
        )
        print(table[-1], flush=True)
    header = ["| model | " + " | ".join(columns) + " |", "| --- " * (len(columns) + 1) + "|"]
    command = f"--seeds {seeds} --epochs {epochs} --samples {samples}"
    page = [
        "# Modalities, measured",
        (
            f"Made by `python -m benchmarks.modalities {command}`: the 8x8 digits (binarization static) with "
            f"their labels, {LATENTS} latents, networks of one hidden layer of {HIDDEN[0]}, Adam 2e-3, batch 100, "
            f"bounds of three importance-weighted particles (three from each component if a posterior is a mixture), "
            f"{epochs} epochs; means over seeds {', '.join(map(str, seeds))}, on {machine}."
        ),
        TEXT.format(samples=samples, judge=known),
        "\n".join([*header, *table]),
    ]
    with atomic(out / "modalities.md") as temporary:
        temporary.write_text("\n\n".join(page) + "\n", encoding="utf-8")
    print(f"{out / 'modalities.md'}")


if __name__ == "__main__":
    run(main)
