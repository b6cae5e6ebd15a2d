"""Evaluation in compiled runs gives the eager numbers."""

import pytest
import torch
import two_layers
from tiny import FEATURES, binary_data, tiny_vae

from pyrovae import evaluate
from pyrovae.datasets import as_split
from pyrovae.evaluation import log_likelihood
from pyrovae.evaluation.draws import Sampler
from pyrovae.models import Density
from pyrovae.priors import NormalPrior

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_compiled_and_eager_reports_agree():
    # 25 data in batches of 10: the last has 5. 30 draws of each, 8 at a time.
    x = binary_data(25)
    arguments = {"samples": 30, "batch_size": 10, "rows": 80}
    vae = tiny_vae(batch_norm=True)
    eager = evaluate(vae, x, compile=False, **arguments)
    compiled = evaluate(vae, x, compile=True, **arguments)
    assert compiled.elbo == pytest.approx(eager.elbo, rel=1e-5)
    assert compiled.reconstruction == pytest.approx(eager.reconstruction, rel=1e-5)
    assert compiled.log_likelihood.value == pytest.approx(eager.log_likelihood.value, rel=1e-5)
    assert compiled.log_likelihood.mc_se == pytest.approx(eager.log_likelihood.mc_se, rel=1e-3)


@pytest.mark.parametrize("samples", [1, 7, 16, 30])
def test_draws_are_as_many_as_asked_for(samples):
    batch = (binary_data(10),)
    draws = list(Sampler(tiny_vae(), samples, rows=80)(batch))
    assert sum(len(found.log_weights) for found in draws) == samples
    assert max(len(found.log_weights) for found in draws) <= 8
    assert all(found.log_weights.shape == found.reconstruction.shape for found in draws)


def test_a_model_that_looks_at_its_data_is_evaluated_uncompiled():
    class Looking:
        def __init__(self):
            self.vae = tiny_vae()
            self.guide, self.parameters = self.vae.guide, self.vae.parameters

        def model(self, x):
            return self.vae.model(x)

    split = as_split(binary_data(10))
    with pytest.warns(
        UserWarning, match="evaluation continues uncompiled: Looking is no nn.Module"
    ):
        found = log_likelihood(Looking(), split, samples=4, compile=True)
    assert found == log_likelihood(Looking(), split, samples=4, compile=False)


def test_a_short_evaluation_is_not_compiled(monkeypatch):
    monkeypatch.setattr(torch._inductor, "compile", lambda *a, **k: pytest.fail("compiled"))
    evaluate(tiny_vae(), binary_data(10), samples=100, rows=10)


@pytest.mark.usefixtures("only_traced")
def test_programs_without_latents_and_with_several_are_compiled_too():
    density, x = Density(NormalPrior(FEATURES)), binary_data(10)
    for model, data in ((density, x), (two_layers.ladder(), two_layers.data(10))):
        eager = evaluate(model, data, samples=6, rows=20, compile=False)
        compiled = evaluate(model, data, samples=6, rows=20, compile=True)
        assert compiled.elbo == pytest.approx(eager.elbo, rel=1e-5)
        assert compiled.site_kls == pytest.approx(eager.site_kls, rel=1e-4)
        assert set(eager.site_kls) == ({"z1", "z2"} if model is not density else set())
