"""Parts that a user has put into evaluation mode stay in it."""

from functools import partial

import pytest
from tiny import binary_data, same, state, tiny_vae
from torch import nn

from pyrovae import fit
from pyrovae.datasets import Data
from pyrovae.training import WeightAverage

quiet = partial(fit, progress=False, device="cpu", batch_size=6, epochs=2)


@pytest.mark.usefixtures("only_traced")
@pytest.mark.parametrize("compile", [False, True])
def test_a_frozen_encoder_keeps_its_batch_statistics(compile):
    vae = tiny_vae(batch_norm=True, dropout=0.5)
    vae.posterior.requires_grad_(False)
    vae.posterior.eval()
    before = state(vae.posterior)
    history = quiet(
        vae,
        Data(binary_data(12), validation=binary_data(4)),
        compile=compile,
        average=WeightAverage(0.5),
    )
    assert history.compiled.startswith("compiled in") is compile
    assert same(state(vae.posterior), before)
    assert not any(module.training for module in vae.posterior.modules())
    assert vae.training
    assert vae.likelihood.training


def test_a_model_in_evaluation_mode_is_made_to_train():
    vae = tiny_vae(batch_norm=True).eval()
    quiet(vae, binary_data(12))
    assert all(module.training for module in vae.modules())
    batch_norm = next(m for m in vae.modules() if isinstance(m, nn.BatchNorm1d))
    assert batch_norm.num_batches_tracked == 4
