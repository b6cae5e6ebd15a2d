"""Trains on several ranks, one of which kills itself in the first attempt."""

import json
import os
import signal
import sys
from pathlib import Path

import torch

from pyrovae import VAE, fit
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior
from pyrovae.ranks import present
from pyrovae.training import Callback


class Kill(Callback):
    def on_step(self, training, loss):
        first = os.environ.get("TORCHELASTIC_RESTART_COUNT") == "0"
        if first and training.ranks.rank == 1 and training.step == 7:
            os.kill(os.getpid(), signal.SIGKILL)


torch.manual_seed(0)
x = torch.rand(23, 4, generator=torch.Generator().manual_seed(1))
vae = VAE(NormalPrior(2), NormalPosterior(MLP(4, [5], 4)), NormalLikelihood(MLP(2, [5], 4)))
checkpoint, killed = Path(sys.argv[1]), sys.argv[2] == "killed"
fit(
    vae,
    x,
    epochs=4,
    batch_size=8,
    progress=False,
    callbacks=[Kill()] if killed else [],
    checkpoint=checkpoint,
    checkpoint_steps=2,
    resume=checkpoint.exists(),
)
if present().is_first:
    weights = torch.cat([p.detach().flatten() for p in vae.parameters()])
    attempts = os.environ["TORCHELASTIC_RESTART_COUNT"]
    checkpoint.with_suffix(".json").write_text(json.dumps([attempts, weights.tolist()]))
