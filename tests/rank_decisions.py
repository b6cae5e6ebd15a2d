"""What one rank alone meets, and all have to do; see rank_programs."""

import shutil
import signal
import sys
import warnings
from functools import partial
from pathlib import Path

import pytest
import torch
from rank_programs import DATA, autoencoder, rows, vae, weights
from streams import Stream
from torch import nn
from torch.utils.data import DataLoader

from pyrovae import VAE, fit
from pyrovae.datasets import Data
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import DIPELBO, TotalCorrelationELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior
from pyrovae.ranks import RankFailed, present
from pyrovae.training import Callback, Diverged, Interrupted


class StopOn(Callback):
    """Asks for the end on one rank, or breaks there."""

    def __init__(self, rank, what):
        self.rank, self.what = rank, what

    def on_step(self, training, loss):
        if training.ranks.rank == self.rank and training.step == 2:
            self.what(training)


def send_signal(training):
    signal.raise_signal(signal.SIGTERM)


def spoil(training):
    raise OSError("the disk is full")


def decisions(folder):
    """What one rank alone meets, and all have to do."""
    found = {}
    last = present().size - 1
    checkpoint = Path(folder) / f"checkpoint-{present().size}.pt"

    def run(**options):
        return fit(vae(), rows(), epochs=3, batch_size=8, progress=False, **options)

    history = run(callbacks=[StopOn(last, lambda training: training.stop("enough"))])
    found["stopped"] = [history.stopped, len(history)]
    # Early stopping: the same losses on all ranks.
    history = run_with_validation()
    found["patience"] = [history.stopped, len(history), history.best_epoch]
    try:
        run(callbacks=[StopOn(last, send_signal)], checkpoint=checkpoint)
    except Interrupted as error:
        found["interrupted"] = [str(error).partition(";")[0], int(error.signal)]
    whole, resumed = vae(), vae()
    fit(whole, rows(), epochs=3, batch_size=8, progress=False)
    fit(
        resumed,
        rows(),
        epochs=3,
        batch_size=8,
        progress=False,
        checkpoint=checkpoint,
        resume=True,
    )
    found["resumed to the same bits"] = weights(whole) == weights(resumed)
    found["weights"] = weights(whole)
    try:
        fit(vae(), rows(), optimizer=steep, epochs=2, batch_size=8, progress=False)
    except Diverged as error:
        found["diverged"] = str(error).partition(";")[0]
    for name, options in refused().items():
        try:
            data = options.pop("data", rows())
            fit(options.pop("model", vae()), data, epochs=1, progress=False, **options)
        except ValueError as error:
            found[name] = str(error)
    return found


def compiled(folder):
    """Steps that all compile, and steps that one of several ranks alone cannot.

    Inductor, which takes its time, gives back the traced graph, which is not traced once more for it
    nor noted with the stack of each operation; without a compiler it fails.
    """
    ranks, found = present(), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "tracebacklimit", 1, raising=False)
        once = "pyrovae.compilation.inductor.make_fx"
        patch.setattr(once, lambda graph, **options: lambda *inputs: graph)
        for name, fails_on in {"all": None, "but one": ranks.size - 1}.items():
            patch.setattr(torch._inductor, "compile", partial(give, fails_on=fails_on))
            found[name] = compiled_run()
    return found


def give(graph, inputs, options=None, *, fails_on):
    if present().size > 1 and present().rank == fails_on:
        raise RuntimeError("no compiler here")
    return graph


def compiled_run():
    """How a run was compiled, what it warned of that, and its weights."""
    model = vae()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = fit(model, rows(24), epochs=2, batch_size=8, compile=True, progress=False)
    said = [str(w.message) for w in caught if "uncompiled" in str(w.message)]
    return [history.compiled, said, weights(model)]


def going_on(folder):
    """An autoencoder, which draws nothing, is left within an epoch by two ranks, and goes on here."""
    ranks, left = present(), Path(folder) / "left.pt"
    options = {"epochs": 2, "batch_size": 4, "progress": False}
    if ranks.size == 2:
        stop = StopOn(1, lambda training: training.stop("enough"))
        fit(autoencoder(), rows(), checkpoint=left, callbacks=[stop], **options)
    own = Path(folder) / f"left-{ranks.size}.pt"
    if ranks.is_first:
        shutil.copy(left, own)
    whole, resumed = autoencoder(), autoencoder()
    fit(whole, rows(), **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = fit(resumed, rows(), checkpoint=own, resume=True, **options)
    return {
        "weights": [weights(whole), weights(resumed)],
        "epochs": len(history),
        "warnings": [str(w.message) for w in caught],
    }


def steep(parameters):
    return torch.optim.SGD(parameters, lr=1e30)


def run_with_validation():
    return fit(
        vae(),
        Data(train=rows(), validation=rows(5)),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.0),
        epochs=5,
        batch_size=8,
        patience=2,
        progress=False,
    )


def refused():
    normalising = VAE(
        NormalPrior(2),
        NormalPosterior(MLP(4, [5], 4)),
        NormalLikelihood(MLP(2, [5], 4)),
    )
    normalising.extra = nn.BatchNorm1d(3)
    return {
        "batch norm": {"model": normalising},
        "total correlation": {"objective": TotalCorrelationELBO(data_size=DATA)},
        "few": {"objective": DIPELBO(), "batch_size": 1},
        "other options": {"batch_size": 4 + present().rank},
        "statistics": {"model": Remembers()},
        "loaders": {"data": DataLoader(rows().roll(present().rank, 0), batch_size=8)},
        "streams": {"data": Stream(rows() + present().rank), "steps_per_epoch": 2},
    }


class Remembers(VAE):
    """Keeps a sum of the data that it has seen, as moving averages of codes do."""

    def __init__(self):
        torch.manual_seed(0)
        posterior = NormalPosterior(MLP(4, [5], 4))
        super().__init__(NormalPrior(2), posterior, NormalLikelihood(MLP(2, [5], 4)))
        self.register_buffer("seen", torch.zeros(()))

    def model(self, x):
        if self.training:
            self.seen += x.detach().sum()
        return super().model(x)


def broken():
    """One rank fails in a step; the others are told."""
    last = present().size - 1
    try:
        fit(vae(), rows(), epochs=3, progress=False, callbacks=[StopOn(last, spoil)])
    except (OSError, RankFailed) as error:
        said = [type(error).__name__, str(error)]
    try:
        present()
    except RuntimeError as error:
        return [*said, str(error)]
