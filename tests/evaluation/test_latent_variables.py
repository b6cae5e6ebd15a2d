"""What each variable of a latent says of the data, by itself."""

import json

import pyro
import pyro.distributions as dist
import pytest
import torch
import two_layers
from fixed_posterior import fixed_vae
from linear_gaussian import data, exact_vae
from tiny import FEATURES, binary_data, tiny_vae

from pyrovae import VAE, evaluate
from pyrovae.evaluation import latent_variables
from pyrovae.priors import DistributionPrior, MixturePrior


def diagonal():
    """q(z|x) = N(x A, 1) with one variable that is the prior, and one of a constant mean."""
    matrix = torch.zeros(FEATURES, 3)
    matrix[0, 0], matrix[1, 1] = 2.0, 0.15
    return matrix


def test_the_kl_of_each_variable_is_that_of_its_normals():
    x, matrix = binary_data(30), diagonal()
    (found,) = latent_variables(fixed_vae(matrix), x, batch_size=7).values()
    each = (x @ matrix).square() / 2  # KL(N(m, 1) || N(0, 1))
    assert found.kl == pytest.approx(each.mean(0).tolist(), rel=1e-5)
    assert found.data_se == pytest.approx((each.std(0) / 30**0.5).tolist(), rel=1e-5)
    assert found.variance == pytest.approx((x @ matrix).var(0, correction=0).tolist(), rel=1e-5)
    assert found.active == [0]  # 0.15^2 / 4 < 0.01 < 2^2 / 4
    assert found.kl[2] == 0.0


def test_they_stand_in_the_report_and_add_up_to_the_kl_of_the_latent():
    vae, x = tiny_vae(), binary_data(40)
    report = evaluate(vae, x, samples=2000)
    variables = report.variables["z"]
    assert variables == latent_variables(vae, x, batch_size=100)["z"]
    # The sum is exact, and the report's KL the mean of 80,000 draws.
    assert sum(variables.kl) == pytest.approx(report.kl, abs=0.02)
    assert len(variables.active) == report.active_units["z"]
    assert f"[{variables.kl.index(max(variables.kl))}] {max(variables.kl):.3f}, [" in str(report)
    kept = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert kept["variables"]["z"]["kl"] == variables.kl


def test_without_a_closed_form_they_are_means_of_draws():
    vae = fixed_vae(diagonal())
    prior = DistributionPrior(3, family="StudentT", parameters={"df": 5.0})
    vae = VAE(prior, vae.posterior, vae.likelihood)
    x = binary_data(4000)
    (found,) = latent_variables(vae, x).values()
    grid = torch.linspace(-12, 12, 4001)
    for d, kl in enumerate(found.kl):
        q = dist.Normal((x @ diagonal())[:, d : d + 1], 1.0)
        p = dist.StudentT(5.0)
        log_q = q.log_prob(grid)
        exact = torch.trapezoid(log_q.exp() * (log_q - p.log_prob(grid)), grid).mean().item()
        # Six standard errors of the mean over draws of the data.
        assert abs(kl - exact) < 6 * found.data_se[d]
        assert found.data_se[d] < 0.05


def test_each_layer_of_a_hierarchy_has_its_own():
    model, x = two_layers.ladder(), two_layers.data(400)
    found = latent_variables(model, x)
    report = evaluate(model, x, samples=200)
    for name in found:
        kl, error = sum(found[name].kl), sum(found[name].data_se)
        assert abs(kl - report.site_kls[name]) < 6 * error
    assert found.keys() == {"z1", "z2"}
    # From the bottom up, z1 has a full covariance, and z2 is drawn given it.
    up = latent_variables(two_layers.bottom_up(), x)
    assert up["z1"].kl is None
    assert len(up["z2"].kl) == two_layers.Z2


def test_a_mixture_has_no_kl_for_each_variable():
    vae = fixed_vae(diagonal())
    vae = VAE(MixturePrior(3, components=2), vae.posterior, vae.likelihood)
    (found,) = latent_variables(vae, binary_data(30)).values()
    assert found.kl is None
    assert found.data_se is None
    assert found.active == [0]
    assert "KL by variable" not in str(evaluate(vae, binary_data(), samples=2))
    (full,) = latent_variables(exact_vae(), data(6)).values()
    assert full.kl is None
    assert "do not factorise" in str(full)


def test_one_datum_has_neither_errors_nor_active_variables():
    (found,) = latent_variables(fixed_vae(diagonal()), binary_data(1)).values()
    assert found.data_se is None
    assert found.variance is None
    assert found.active == []
    assert len(found.kl) == 3


def test_many_variables_are_told_by_the_largest():
    matrix = torch.diag(torch.arange(1.0, FEATURES + 1)).repeat(1, 3)
    (found,) = latent_variables(fixed_vae(matrix), torch.ones(5, FEATURES)).values()
    text = str(found)
    assert text.startswith("[3] 8.000, [7] 8.000, [11] 8.000, [2] 4.500")
    assert text.endswith("4 more of at most 2.000")


def test_nothing_changes_and_programs_without_latents_are_refused():
    vae = tiny_vae()
    before = torch.get_rng_state()
    latent_variables(vae, binary_data())
    assert torch.equal(before, torch.get_rng_state())
    assert not pyro.get_param_store().keys()

    class Nothing(VAE):
        def model(self, x):
            with self.data_plate(x):
                pyro.sample("x", dist.Bernoulli(0.5).expand([FEATURES]).to_event(1), obs=x)

        def guide(self, x):
            pass

    with pytest.raises(ValueError, match="expected a guide with latents, got none"):
        latent_variables(Nothing(vae.prior, vae.posterior, vae.likelihood), binary_data())
