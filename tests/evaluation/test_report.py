"""What the report says, and in which words."""

import json

import pyro
import pyro.distributions as dist
import pytest
import torch
from linear_gaussian import data, exact_vae, poor_vae
from tiny import binary_data, grey_data, tiny_vae

from pyrovae import evaluate, fit
from pyrovae.datasets import TensorSplit
from pyrovae.evaluation import elbo, log_likelihood


def test_the_gap_is_by_how_much_the_bound_is_better_on_training_data():
    vae = exact_vae()
    x, other = data(30)[:10], data(30)[10:]
    report = evaluate(vae, x, train=other, samples=2)
    evidence = vae.likelihood.log_evidence
    # As many training data as there are data: the first ten of twenty.
    assert report.train_elbo == pytest.approx(evidence(other[:10]).mean().item(), abs=1e-9)
    assert report.elbo == pytest.approx(evidence(x).mean().item(), abs=1e-9)
    assert report.gap == pytest.approx(report.train_elbo - report.elbo)
    assert f"{report.gap:.3f}" in str(report)
    without = evaluate(vae, x, samples=2)
    assert without.train_elbo is None
    assert without.gap is None
    assert "train" not in str(without)


def test_fewer_training_data_than_data_are_all_taken():
    vae = exact_vae()
    report = evaluate(vae, data(10), train=data(10)[:3], samples=2)
    evidence = vae.likelihood.log_evidence(data(10)[:3]).mean().item()
    assert report.train_elbo == pytest.approx(evidence, abs=1e-9)


def test_the_report_is_plain_values_for_json():
    report = evaluate(poor_vae(), data(), train=data(), samples=20)
    values = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert values["elbo"] == report.elbo
    assert values["gap"] == report.gap
    assert values["log_likelihood"]["samples"] == 20
    assert values["log_likelihood"]["mc_se"] == report.log_likelihood.mc_se
    assert values["active_units"] == report.active_units
    assert values["data"] == 6


def test_the_errors_of_bound_and_parts_are_those_of_their_means_over_the_data():
    vae, x = exact_vae(), data(30)
    report = evaluate(vae, x, samples=2)
    evidence = vae.likelihood.log_evidence(x)  # which the bound is, whatever is drawn
    assert report.data_se["elbo"] == pytest.approx(evidence.std().item() / 30**0.5)
    assert report.data_se.keys() == {"elbo", "reconstruction", "kl"}
    assert set(evaluate(vae, x[:1], samples=2).data_se.values()) == {None}


def test_the_printed_form_says_what_the_numbers_are():
    split = TensorSplit(grey_data(), binarization="threshold")
    report = evaluate(tiny_vae(), split, samples=37)
    text = str(report)
    assert "S = 37" in text
    assert "binarization threshold" in text
    assert "12 data" in text
    assert "nats per datum" in text
    assert f"{report.elbo:.3f}" in text
    assert f"{report.log_likelihood.value:.3f}" in text
    assert f"mc_se {report.log_likelihood.mc_se:.3f}" in text
    assert f"data_se {report.log_likelihood.data_se:.3f}" in text
    assert f"{report.active_units['z']} of 2 in z" in text


@pytest.mark.parametrize("name", ["samples", "batch_size", "rows"])
def test_evaluate_refuses_numbers_that_are_not_positive(name):
    with pytest.raises(ValueError, match=f"{name}.*at least 1"):
        evaluate(tiny_vae(), binary_data(), **{name: 0})


@pytest.mark.parametrize("look", [elbo, log_likelihood])
def test_at_least_one_draw_is_needed(look):
    with pytest.raises(ValueError, match="samples: expected at least 1, got 0"):
        look(tiny_vae(), TensorSplit(binary_data()), samples=0)


def test_a_global_latent_has_no_weight_for_each_datum():
    class Global:
        def parameters(self):
            return []

        def model(self, x):
            m = pyro.sample("m", dist.Normal(0.0, 1.0))
            with pyro.plate("data", len(x), dim=-1):
                pyro.sample("x", dist.Normal(m[..., None], 1.0).to_event(1), obs=x)

        def guide(self, x):
            pyro.sample("m", dist.Normal(0.0, 1.0))

    with pytest.raises(ValueError, match="'m'"):
        evaluate(Global(), torch.zeros(3, 1), samples=2)


def test_the_weight_on_the_kl_term_is_never_reported():
    vae = tiny_vae()
    x = binary_data()
    row = fit(vae, x, epochs=1, beta=7.0, progress=False, device="cpu")[0]
    assert row["beta"] == 7.0
    bound = elbo(vae, TensorSplit(x), samples=10)
    report = evaluate(vae, x, samples=10)
    assert bound.elbo == pytest.approx(bound.reconstruction - bound.kl)
    # One batch and one seed: evaluate and elbo make the same draws.
    assert report.elbo == pytest.approx(bound.elbo, abs=1e-6)
