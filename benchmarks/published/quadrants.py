"""Missing quadrants of digits by the protocol of Pyro's tutorial on the conditional VAE."""

import json
from dataclasses import asdict
from pathlib import Path

import pyro
import torch

from benchmarks.published.deadline import Deadline
from benchmarks.published.numbers import Number, bound
from examples.quadrants import Baseline, missing
from pyrovae import load_data
from pyrovae.files import atomic
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import ConditionalVAE
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior

__all__ = ["run"]


def run(
    folder: Path,
    *,
    seed: int,
    root: Path,
    budget: float | None,
    given: int,
    data: str = "mnist",
    hidden: int = 500,
    latents: int = 200,
    epochs: int = 101,
    patience: int = 3,
    samples: int = 10,
) -> Number | None:
    """Trains, or goes on, for as long as there is time, and gives the bound of missing pixels.

    A network that guesses them is trained first, and the CVAE is shown its guesses.

    Args:
        folder: Where the run is kept.
        seed: Seed of weights and training.
        root: The folder of the data.
        budget: Minutes of training; None is no limit, with 0 nothing is trained.
        given: How many quadrants are given: 1, 2 or 3.
        data: Which data.
        hidden: Units of the two hidden layers of each network.
        latents: Number of latents.
        epochs: Most passes over the data, of the network that guesses and of the CVAE.
        patience: Epochs without a better validation value, likewise.
        samples: Draws for each datum in the bound.
    """
    file = folder / "number.json"
    if budget == 0:
        return Number(**json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None
    images, deadline = load_data(data, root=str(root)), Deadline(budget)
    pyro.set_rng_seed(seed)
    mask = quadrants(images.shape, given)
    layers, size, pixels = [hidden, hidden], int((~mask).sum()), mask.numel()
    guess = Baseline(BernoulliLikelihood(MLP(images.shape, layers, size)))
    cvae = ConditionalVAE(
        NormalPosterior(MLP(images.shape, layers, 2 * latents)),
        NormalPosterior(MLP(size + pixels, layers, 2 * latents)),
        BernoulliLikelihood(MLP(latents, layers, size)),
        condition_shape=images.shape,
    )
    minutes = 0.0
    for name, model, guesses in (("guess", guess, None), ("cvae", cvae, guess.likelihood)):
        if deadline.ended:
            return None
        parts = missing(images, mask, guesses)
        checkpoint = folder / f"{name}.pt"
        history = deadline.fit(
            model,
            parts,
            epochs=epochs,
            patience=patience,
            seed=seed,
            progress=False,
            checkpoint=checkpoint,
            resume=checkpoint.is_file(),
        )
        minutes += sum(row["seconds"] for row in history) / 60
    value, mc, data_se, draws = bound(cvae, parts.test, samples)
    number = Number(
        value,
        mc,
        data_se,
        draws,
        epochs=len(history),
        planned=epochs,
        best_epoch=history.best_epoch,
        minutes=minutes,
        stopped=history.stopped,
    )
    with atomic(file) as temporary:
        temporary.write_text(json.dumps(asdict(number)), encoding="utf-8")
    return number


def quadrants(shape: torch.Size, given: int) -> torch.Tensor:
    """Which pixels are given: the lower left quadrant, then the upper left, then the upper right."""
    (c, h, w) = shape
    known = torch.zeros(c, h, w, dtype=torch.bool)
    known[:, 0 if given > 1 else h // 2 :, : w // 2] = True
    known[:, : h // 2] |= given == 3
    return known
