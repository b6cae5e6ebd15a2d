"""Batch normalisation in models: moved by training steps, once each, and by nothing else."""

import pytest
import torch
from torch import nn

from pyrovae import VAE, evaluate, fit
from pyrovae.datasets import Data, TensorSplit
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP, ConvDecoder, ConvEncoder
from pyrovae.objectives import ELBO, ImportanceWeightedELBO, StickingTheLandingELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior, VampPrior

LATENT = 2
SHAPES = {"dense 8x8": (1, 8, 8), "dense 28x28": (1, 28, 28), "dense 64x64": (3, 64, 64)}
CASES = [*SHAPES.items()] + [(k.replace("dense", "conv"), v) for k, v in SHAPES.items()]
sizes = pytest.mark.parametrize(("kind", "shape"), CASES, ids=[name for name, _ in CASES])


def make(kind="dense 8x8", shape=(1, 8, 8), vamp=False):
    if kind.startswith("dense"):
        encoder = MLP(shape, [6], 2 * LATENT, batch_norm=True)
        decoder = MLP(LATENT, [6], shape, batch_norm=True)
    else:
        encoder = ConvEncoder(shape, 2 * LATENT, channels=(4, 8), batch_norm=True)
        decoder = ConvDecoder(LATENT, shape, channels=(8, 4), batch_norm=True)
    posterior = NormalPosterior(encoder)
    prior = NormalPrior(LATENT)
    if vamp:
        prior = VampPrior(posterior, pseudo_inputs=torch.rand(5, *shape))
    return VAE(prior, posterior, BernoulliLikelihood(decoder))


def norms(vae):
    return [m for m in vae.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def running(vae):
    return [torch.cat([m.running_mean, m.running_var]).clone() for m in norms(vae)]


def steps_counted(vae):
    return {int(m.num_batches_tracked) for m in norms(vae)}


@sizes
def test_one_step_of_fit_moves_each_statistic_once_and_by_the_batch(kind, shape):
    vae, x = make(kind, shape), torch.rand(6, *shape)
    (first,) = norms(vae.posterior)[:1]
    layers = vae.posterior.network.layers
    with torch.no_grad():
        y = layers[0](x.flatten(1) if kind.startswith("dense") else x)
    over = [d for d in range(y.dim()) if d != 1]
    fit(vae, x, epochs=1, batch_size=6, progress=False)
    assert steps_counted(vae) == {1}
    # Momentum 0.1 from 0 and 1; the variance that is kept is the unbiased one.
    torch.testing.assert_close(first.running_mean, 0.1 * y.mean(over))
    torch.testing.assert_close(first.running_var, 0.9 + 0.1 * y.var(over))
    assert vae.sample(3).shape == (3, *shape)
    assert vae.sample(3, draw=True).shape == (3, *shape)
    assert vae.reconstruct(x).shape == (6, *shape)


@pytest.mark.parametrize(
    "objective", [ELBO(), ImportanceWeightedELBO(num_particles=3), StickingTheLandingELBO()]
)
@pytest.mark.parametrize("vamp", [False, True])
def test_every_step_counts_once_whatever_is_looked_at_between(objective, vamp):
    vae, x = make(vamp=vamp), torch.rand(10, 1, 8, 8)
    data = Data(train=TensorSplit(x), validation=TensorSplit(x[:4]))
    look = lambda row: vae.encode(x)
    options = {"epochs": 3, "batch_size": 5, "progress": False, "on_epoch": look}
    fit(vae, data, objective=objective, **options)
    assert steps_counted(vae) == {6}


LOOKS = {
    "evaluate": lambda vae, x: evaluate(vae, x, train=x, samples=2),
    "encode": lambda vae, x: vae.encode(x),
    "decode": lambda vae, x: vae.decode(vae.encode(x)),
    "reconstruct": lambda vae, x: vae.reconstruct(x),
    "sample": lambda vae, x: vae.sample(3),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_looking_uses_the_statistics_and_leaves_them(look):
    vae, x = make(), torch.rand(6, 1, 8, 8)
    fit(vae, x, epochs=2, batch_size=3, progress=False)
    before, counted = running(vae), steps_counted(vae)
    assert vae.training
    look(vae, x)
    assert vae.training
    assert steps_counted(vae) == counted
    assert all(map(torch.equal, before, running(vae)))


def test_modes_differ_as_they_should():
    vae, x = make(), torch.rand(6, 1, 8, 8)
    fit(vae, x, epochs=2, batch_size=3, progress=False)
    # Looked at, a datum does not depend on the others beside it; while training it does.
    torch.testing.assert_close(vae.encode(x)[:2], vae.encode(x[:2]))
    vae.train()
    together, fewer = vae.posterior(x).mean[:2], vae.posterior(x[:2]).mean
    assert not torch.allclose(together, fewer, atol=1e-3)


@pytest.mark.parametrize("kind", ["dense 8x8", "conv 8x8"])
def test_a_last_batch_of_one_datum_is_no_mistake(kind):
    vae, x = make(kind), torch.rand(5, 1, 8, 8)
    fit(vae, x, epochs=2, batch_size=2, progress=False)
    assert all(parameter.isfinite().all() for parameter in vae.parameters())
    assert all(values.isfinite().all() for values in running(vae))


def test_a_convolution_down_to_one_pixel_meets_one_datum():
    encoder = ConvEncoder((1, 2, 2), 2 * LATENT, channels=(4,), batch_norm=True)
    decoder = ConvDecoder(LATENT, (1, 2, 2), channels=(4,), batch_norm=True)
    vae = VAE(NormalPrior(LATENT), NormalPosterior(encoder), BernoulliLikelihood(decoder))
    fit(vae, torch.rand(3, 1, 2, 2), epochs=1, batch_size=2, progress=False)
    assert all(parameter.isfinite().all() for parameter in vae.parameters())
