"""M2 by the protocol of Pyro's tutorial on the semi-supervised VAE."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyro
import torch
from torch import nn

from benchmarks.published.deadline import Deadline
from benchmarks.published.numbers import Number
from pyrovae import load_data
from pyrovae.datasets import Data, LabelledApart
from pyrovae.files import atomic
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import SemiSupervisedVAE
from pyrovae.nn import MLP
from pyrovae.objectives import ClassificationELBO, EnumeratedELBO
from pyrovae.posteriors import CategoricalPosterior, NormalPosterior
from pyrovae.priors import NormalPrior
from pyrovae.training import Callback, TrainingState

__all__ = ["run"]

CLASSES = 10
SMALL = 1e-3  # of the hidden layers' first weights and biases in the tutorial


def run(
    folder: Path,
    *,
    seed: int,
    root: Path,
    budget: float | None,
    data: str = "mnist",
    validation: int = 10_000,
    labelled: int = 3000,
    weight: float = 0.0,
    latents: int = 50,
    hidden: int = 500,
    batch_size: int = 200,
    epochs: int = 50,
    apart: bool = True,
    small: bool = True,
) -> Number | None:
    """Trains, or goes on, for as long as there is time, and gives the test accuracy.

    As in the tutorial, it is that of the epoch whose validation accuracy is best.

    Args:
        folder: Where the run is kept.
        seed: Seed of labels, weights and training.
        root: The folder of the data.
        budget: Minutes of training; None is no limit, with 0 nothing is trained.
        data: Which data.
        validation: How many training images are kept aside.
        labelled: How many of the others keep their labels.
        weight: Weight of the classification term; with 0 there is none.
        latents: Number of latents.
        hidden: Units of the hidden layer of each network.
        batch_size: Images in a step.
        epochs: Passes over the data.
        apart: Whether labelled images have batches of their own.
        small: Whether hidden layers begin with the tutorial's small weights.
    """
    checkpoint = folder / "checkpoint.pt"
    images = load_data(data, root=str(root), validation=validation, data_seed=seed)
    images = images.with_labels(labelled=labelled, seed=seed)
    if apart:
        images = replace(images, train=LabelledApart(images.train))
    pyro.set_rng_seed(seed)
    vae = model(images, latents, hidden, small=small)
    look = Accuracies(vae, images, folder / "accuracies.json")
    if budget != 0:
        Deadline(budget).fit(
            vae,
            images,
            objective=ClassificationELBO(weight) if weight else EnumeratedELBO(),
            epochs=epochs,
            batch_size=batch_size,
            optimizer=partial(torch.optim.Adam, lr=4.2e-4, betas=(0.9, 0.999), fused=True),
            seed=seed,
            progress=False,
            callbacks=[look],
            checkpoint=checkpoint,
            resume=checkpoint.is_file(),
        )
    return look.number(epochs)


def model(images: Data, latents: int, hidden: int, *, small: bool) -> SemiSupervisedVAE:
    """The tutorial's networks: one hidden layer of softplus in each."""
    network, pixels = partial(MLP, activation="softplus"), images.shape.numel()
    vae = SemiSupervisedVAE(
        NormalPrior(latents),
        CategoricalPosterior(network(images.shape, [hidden], CLASSES)),
        NormalPosterior(network(pixels + CLASSES, [hidden], 2 * latents)),
        BernoulliLikelihood(network(latents + CLASSES, [hidden], images.shape)),
    )
    if small:
        for part in vae.modules():
            if isinstance(part, MLP):
                first = part.layers[0]
                assert isinstance(first, nn.Linear)
                nn.init.normal_(first.weight, 0.0, SMALL)
                nn.init.normal_(first.bias, 0.0, SMALL)
    return vae


class Accuracies(Callback):
    """Looks at the accuracy after each epoch, and keeps it in a file.

    Args:
        vae: The model.
        images: Its data.
        file: Where the accuracies are kept, so that training can go on.
    """

    def __init__(self, vae: SemiSupervisedVAE, images: Data, file: Path) -> None:
        self.vae, self.file = vae, file
        assert images.validation is not None
        assert images.test is not None
        self.splits = {"validation": images.validation, "test": images.test}
        self.rows: list[dict[str, Any]] = []
        if file.is_file():
            self.rows = json.loads(file.read_text(encoding="utf-8"))

    def on_epoch(self, training: TrainingState, row: dict[str, Any]) -> None:
        """Writes the accuracies of an epoch."""
        found = {
            name: self._accuracy(*split.take(len(split))) for name, split in self.splits.items()
        }
        minutes = row["seconds"] / 60
        # A run that goes on from within an epoch has rows of that and later ones no more.
        self.rows = [*self.rows[: row["epoch"] - 1], {**found, "minutes": minutes}]
        with atomic(self.file) as temporary:
            temporary.write_text(json.dumps(self.rows), encoding="utf-8")

    def _accuracy(self, x: torch.Tensor, y: torch.Tensor) -> float:
        return (self.vae.classify(x).argmax(-1) == y).double().mean().item()

    def number(self, epochs: int) -> Number | None:
        """The test accuracy of the epoch that is best on validation data."""
        if not self.rows:
            return None
        best = max(range(len(self.rows)), key=lambda i: self.rows[i]["validation"])
        value = self.rows[best]["test"]
        return Number(
            value,
            mc_se=None,
            data_se=math.sqrt(value * (1 - value) / len(self.splits["test"])),
            samples=None,
            epochs=len(self.rows),
            planned=epochs,
            best_epoch=best + 1,
            minutes=_sum(self.rows),
            stopped=None,
            also={"accuracy after the last epoch": self.rows[-1]["test"]},
        )


def _sum(rows: Sequence[dict[str, Any]]) -> float:
    return sum(row["minutes"] for row in rows)
