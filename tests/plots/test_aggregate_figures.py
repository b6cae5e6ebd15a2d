"""The aggregated posterior beside the prior."""

import numpy as np
import pytest
import torch
from fake_models import TABLE, batch
from linear_gaussian import data as linear_data
from linear_gaussian import exact_vae, poor_vae
from tiny import tiny_vae
from torch.distributions import Normal

from pyrovae import plots
from pyrovae.latent_space import distance_from_uniform
from pyrovae.latent_space import probability_integral as map_latents


class TestAggregate:
    """Under the exact posterior of a linear model the aggregated posterior is the prior."""

    def test_bars_and_line_hold_all_but_the_outermost(self):
        model, x = exact_vae(), linear_data(3000)
        figure = plots.aggregated_posterior(model, x, bins=20)
        assert len(figure.axes) == 2
        for axes in figure.axes:
            bars, line = (patch.get_data() for patch in axes.patches)
            np.testing.assert_array_equal(bars.edges, line.edges)
            width = np.diff(bars.edges)
            masses = bars.values * width, line.values * width
            for mass in masses:
                assert 0.97 < mass.sum() <= 1
            expected = np.diff(Normal(0.0, 1.0).cdf(torch.as_tensor(line.edges)).numpy())
            np.testing.assert_allclose(masses[1], expected, atol=1e-5)
            # Four standard errors of a share of 3000 draws, at most 0.15 here.
            assert np.abs(masses[0] - expected).max() < 4 * (0.15 * 0.85 / 3000) ** 0.5

    def test_the_features_that_differ_most_come_first(self):
        model, x = poor_vae(), linear_data(500)
        torch.manual_seed(0)
        distance = distance_from_uniform(map_latents(model, x))
        torch.manual_seed(0)
        figure = plots.aggregated_posterior(model, x)
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        order = distance.argsort(descending=True).tolist()
        assert titles == [f"z{i + 1}, distance {distance[i]:.2f}" for i in order]
        (axes,) = plots.aggregated_posterior(model, x, dimensions=[1]).axes
        assert axes.get_title(loc="left").startswith("z2,")

    def test_points_of_the_square(self):
        model, x = exact_vae(), linear_data(50)
        torch.manual_seed(2)
        figure = plots.probability_integral(model, x, torch.arange(50) % 2, dimensions=(1, 0))
        torch.manual_seed(2)
        u = map_latents(model, x).detach().numpy()[:, ::-1]
        (points,) = figure.axes[0].collections
        drawn = np.asarray(points.get_offsets())
        np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(u, axis=0), atol=1e-6)
        assert figure.axes[0].get_xlabel().startswith("F(z2), ")
        assert figure.axes[0].get_ylabel().startswith("F(z1), ")

    def test_the_two_that_vary_most(self):
        model = tiny_vae()
        figure = plots.probability_integral(model, torch.rand(20, 4))
        assert figure.axes[0].get_xlabel().startswith("F(z1)")

    @pytest.mark.parametrize("dimensions", [(0, 2), (0,), (0, 0, 1)])
    def test_refuses_other_dimensions(self, dimensions):
        with pytest.raises(ValueError, match="dimensions: expected"):
            plots.probability_integral(exact_vae(), linear_data(5), dimensions=dimensions)

    def test_a_discrete_latent_has_bars_but_no_square(self):
        from pyrovae.likelihoods import BernoulliLikelihood
        from pyrovae.models import CategoricalVAE
        from pyrovae.nn import MLP

        likelihood = BernoulliLikelihood(MLP(6, [], TABLE))
        model = CategoricalVAE(MLP(TABLE, [], 6), likelihood, variables=2, categories=3)
        x = batch(200, TABLE).round()
        figure = plots.aggregated_posterior(model, x, site="z1", bins=10)
        for axes in figure.axes:
            line = axes.patches[1].get_data()
            mass = line.values * np.diff(line.edges)
            # A fair choice of three, drawn 10,000 times.
            assert mass[[0, -1]] == pytest.approx([2 / 3, 1 / 3], abs=0.02)
        with pytest.raises(ValueError, match="discrete latent has no map"):
            plots.probability_integral(model, x, site="z1")
