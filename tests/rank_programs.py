"""What ranks run in tests; each function gives plain values."""

import tempfile
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch._dynamo  # optimizers ask for it: before the ranks are forked, once
from streams import Shuffled, Stream
from torch import nn
from torch.optim import SGD
from torch.utils.data import DataLoader, Dataset, TensorDataset

from pyrovae import VAE, evaluate, fit, score
from pyrovae.adversaries import PatchAdversary
from pyrovae.codebooks import MovingAverageCodebook
from pyrovae.datasets import Data, StreamSplit
from pyrovae.datasets.mapped_split import MappedSplit
from pyrovae.datasets.numpy_files import MappedArray
from pyrovae.evaluation import elbo
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.models import Autoencoder
from pyrovae.nn import MLP
from pyrovae.objectives import (
    DIPELBO,
    BetaELBO,
    CapacityELBO,
    EntropyQuantizedELBO,
    FreeBitsELBO,
    VectorQuantizedELBO,
)
from pyrovae.posteriors import NormalPosterior, QuantizedPosterior
from pyrovae.priors import CategoricalCodePrior, NormalPrior
from pyrovae.ranks import alone, present, step_of
from pyrovae.training import Callback
from pyrovae.training.gradients import Gradients

DATA = 23  # which neither 2 nor 3 divide, nor a batch of 8


def rows(data=DATA):
    return torch.rand(data, 4, generator=torch.Generator().manual_seed(1))


def autoencoder():
    torch.manual_seed(0)
    return Autoencoder(MLP(4, [5], 2), NormalLikelihood(MLP(2, [5], 4)))


def vae():
    torch.manual_seed(0)
    return VAE(NormalPrior(2), NormalPosterior(MLP(4, [5], 4)), NormalLikelihood(MLP(2, [5], 4)))


def quantized(restart):
    torch.manual_seed(0)
    posterior = QuantizedPosterior(MLP(4, [5], 4), MovingAverageCodebook(3, 2, restart=restart))
    likelihood = NormalLikelihood(MLP(4, [5], 4))
    return VAE(CategoricalCodePrior(posterior), posterior, likelihood)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()]).tolist()


class Items(Dataset):
    """A map-style data set that counts how often each datum was read."""

    def __init__(self, x):
        self.x, self.read = x, [0] * len(x)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        self.read[i] += 1
        return self.x[i]


def trained():
    """Autoencoders, which draw nothing, on data of several kinds, by several options."""
    found = {}
    sources = {
        "tensor": rows(),
        "mapped file": mapped(),
        "loader": DataLoader(TensorDataset(rows()), batch_size=8, shuffle=True),
    }
    for name, source in sources.items():
        model = autoencoder()
        history = fit(model, source, epochs=2, batch_size=8, clip_norm=0.5, progress=False)
        found[name] = [weights(model), history.column("loss")]
    for name, adaptive in {"game": False, "adaptive game": True}.items():
        model = autoencoder()
        adversary = PatchAdversary(MLP(4, [5], 2), adaptive=adaptive)
        game = {"adversary": adversary, "adversary_optimizer": partial(SGD, lr=0.1)}
        history = fit(model, rows(), epochs=2, batch_size=8, progress=False, **game)
        losses = [history.column(c) for c in ("loss", "adversarial_loss", "adversary_loss")]
        found[name] = [weights(model), weights(adversary), *losses]
    items = Items(rows())
    counts = []

    class Counts(Callback):
        def on_epoch(self, training, row):
            counts.append(list(items.read))
            items.read[:] = [0] * DATA

    model = autoencoder()
    # A last batch of 3 data, and in 22 a batch of 1: some ranks have no data in it.
    fit(
        model,
        Data(train=items, validation=rows(5)),
        epochs=2,
        batch_size=22,
        progress=False,
        accumulate=2,
        callbacks=[Counts()],
    )
    found["items"] = [weights(model)]
    # A pass of three batches, of which the last has seven data, and a part of the next one.
    model = autoencoder()
    history = fit(
        model, Shuffled(rows()), steps_per_epoch=2, epochs=2, batch_size=8, progress=False
    )
    found["stream"] = [weights(model), history.column("loss")]
    # The first epoch begins after looks at some of the data.
    return {"trained": found, "read in the second epoch": counts[1]}


def mapped():
    """The rows in a file that is mapped."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        np.save(path, rows().numpy())
        return MappedSplit(Kept(path), torch.arange(DATA), shape=(4,))


class Kept(MappedArray):
    """Keeps its file open, whose name may go."""

    def __init__(self, path):
        super().__init__(path)
        self._map = super().map()

    def map(self):
        return self._map


def across():
    """Objectives that look across the batch: loss and gradients of a batch, next to without noise."""
    model, ranks = vae(), present()
    still(model)
    # Shares that differ: what is more than a capacity or a floor over all data is less over some.
    x = 4 * rows()
    x = x[x.sum(1).argsort()]
    kl = elbo(model, x).kl
    cuts = [i * DATA // ranks.size for i in range(ranks.size + 1)]
    found = {}
    for name, objective in {
        "capacity": CapacityELBO(capacity=kl),
        "free bits": FreeBitsELBO(free_nats=kl),
        "free bits of each feature": FreeBitsELBO(free_nats=kl / 2, per="feature"),
        "DIP I": DIPELBO(kind="I"),
        "DIP II": DIPELBO(),
        "wrapped": BetaELBO(2.0, elbo=DIPELBO()),
        "entropies": EntropyQuantizedELBO(),
    }.items():
        if name == "entropies":
            model = quantized(0.0)
        parameters = [p for p in model.parameters() if p.requires_grad]
        gradients = Gradients(model.model, model.guide, objective)
        with step_of(ranks.rank, [b - a for a, b in pairwise(cuts)]):
            loss = gradients(parameters, (x[cuts[ranks.rank] : cuts[ranks.rank + 1]],))
        grads = [p.grad.flatten() for p in parameters if p.grad is not None]
        found[name] = [[loss.item()], torch.cat(grads).tolist()]
    return found


def still(model):
    """Leaves a posterior next to no spread, so that what is drawn hardly matters."""
    last = [m for m in model.posterior.modules() if isinstance(m, nn.Linear)][-1]
    with torch.no_grad():
        last.weight[:2] *= 3  # codes that differ from datum to datum
        last.weight[2:] = 0.0
        last.bias[2:] = -15.0
    for parameter in last.parameters():
        parameter.requires_grad_(False)


def averages():
    """Codebooks of moving averages: as one process has them, and with codes that begin anew."""
    found = {}
    for restart in (0.0, 0.9):
        model = quantized(restart)
        # A last batch of 1 datum, which some ranks have nothing of.
        options = {"epochs": 2, "batch_size": 11, "progress": False}
        fit(model, rows(), objective=VectorQuantizedELBO(), seed=1, **options)
        book = model.posterior.codebook
        held = [weights(model), book.vectors.flatten().tolist(), book.counts.tolist()]
        found["restarted" if restart else "averages"] = held
    return found


def discrepancy():
    """The gradient of two distances, of latents and draws of the prior that all ranks have."""
    from pyrovae.objectives.mmd import maximum_mean_discrepancy
    from pyrovae.objectives.sliced_wasserstein import sliced_wasserstein
    from pyrovae.ranks import rows as all_rows
    from pyrovae.training.gradients import reduced

    ranks, x = present(), rows()
    cuts = [i * DATA // ranks.size for i in range(ranks.size + 1)]
    own = x[cuts[ranks.rank] : cuts[ranks.rank + 1]]
    weight = nn.Parameter(torch.eye(4)[:, :2] + 0.1)
    with step_of(ranks.rank, [b - a for a, b in pairwise(cuts)]):
        codes = own @ weight
        draws = all_rows(codes, 0), all_rows(own[:, :2], 0)
        value = maximum_mean_discrepancy(*draws)
        value = value + sliced_wasserstein(*draws, torch.tensor([[1.0, 2.0], [0.5, -1.0]]))
        value.backward()
        reduced([weight], value.detach())
    return [value.item(), *weight.grad.flatten().tolist()]


def evaluated():
    """A report and scores of more batches than ranks, and of fewer."""
    model = vae()
    found = {}
    for name, x in {"many": rows(), "one": rows(3)}.items():
        scores = score(model, x, samples=6, batch_size=4)
        report = evaluate(model, x, train=rows(9), samples=6, batch_size=4)
        found[name] = [
            scores.elbo.tolist(),
            scores.log_likelihood.tolist(),
            [report.elbo, report.kl, report.train_elbo, report.log_likelihood.value],
            [report.log_likelihood.ess_low, report.active_units["z"], report.data],
        ]
    loader = DataLoader(TensorDataset(rows()), batch_size=5)
    found["loader"] = [score(model, loader, samples=6, batch_size=4).elbo.tolist()]
    found["dynamic"] = [elbo(model, bits(), batch_size=4).elbo]
    if present().is_first:  # by itself, with nobody waiting
        with alone():
            found["alone"] = [elbo(model, rows(), batch_size=4).elbo]
    else:
        found["alone"] = [elbo_of_one(model)]
    return found


def elbo_of_one(model):
    with alone():
        return elbo(model, rows(), batch_size=4).elbo


def divided():
    """A stream of which each rank has another part, of other lengths."""
    ranks, model = present(), vae()
    ends = [0, 7, 17, 30]
    own = Stream(rows(30)[ends[ranks.rank] : ends[ranks.rank + 1]])
    stream = StreamSplit(own, sharded=True)
    found = evaluate(model, stream, samples=6, batch_size=4)
    seen, batches = score(model, stream, samples=6, batch_size=4), []

    class Notes(Callback):
        def on_step(self, training, loss):
            batches.append(loss.item())

    history = fit(
        model,
        Data(train=stream, validation=stream),
        steps_per_epoch=5,
        epochs=2,
        batch_size=6,
        progress=False,
        callbacks=[Notes()],
    )
    return {
        "data": [found.data, len(seen), ends[ranks.size]],
        "passes": own.told,
        "elbo": [found.elbo, seen.elbo.mean().item()],
        "steps": [len(batches), len(history)],
        "weights": weights(model),
    }


def bits():
    from pyrovae.datasets import TensorSplit

    return TensorSplit(rows(), binarization="dynamic")


def everything(folder):
    """All of these in one start of the processes; what ends the group comes last."""
    from rank_decisions import broken, compiled, decisions, going_on

    parts = (trained, across, averages, discrepancy, evaluated, divided)
    found = {f.__name__: f() for f in parts}
    found |= {f.__name__: f(folder) for f in (decisions, compiled, going_on)}
    return found | {"broken": broken() if present().size > 1 else None}
