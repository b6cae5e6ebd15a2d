"""Arguments and networks that a likelihood refuses."""

import pytest
from small_likelihoods import DATA

from pyrovae.likelihoods import (
    BetaLikelihood,
    CategoricalLikelihood,
    DiscretizedLogisticLikelihood,
    DiscretizedLogisticMixtureLikelihood,
    LaplaceLikelihood,
    MultinomialLikelihood,
    NegativeBinomialLikelihood,
    StudentTLikelihood,
)
from pyrovae.nn import MLP


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        (LaplaceLikelihood, {"scale": -1.0}, "scale: expected a positive number, got -1.0"),
        (LaplaceLikelihood, {"min_scale": -1.0}, "min_scale: expected .* at least 0, got -1.0"),
        (StudentTLikelihood, {"df": 1.0}, "df: expected a number above 1, .* got 1.0"),
        (BetaLikelihood, {"dispersion": 0.0}, "^dispersion: expected a positive number, got 0.0"),
        (BetaLikelihood, {"min_dispersion": -1.0}, "^min_dispersion: .* at least 0, got -1.0"),
        (BetaLikelihood, {"margin": -0.1}, "margin: .* at least 0, got -0.1"),
        (CategoricalLikelihood, {"categories": 1}, "categories: .* at least 2, got 1"),
        (DiscretizedLogisticLikelihood, {"levels": 1}, "levels: .* at least 2, got 1"),
        (DiscretizedLogisticMixtureLikelihood, {"levels": 1}, "levels: .* at least 2, got 1"),
        (DiscretizedLogisticMixtureLikelihood, {"components": 0}, "components: .* got 0"),
        (DiscretizedLogisticMixtureLikelihood, {"min_scale": -1.0}, "min_scale: .* got -1.0"),
        (NegativeBinomialLikelihood, {"dispersion": "odd"}, "^dispersion: .* got 'odd'"),
        (MultinomialLikelihood, {"total_count": -1}, "total_count: .* at least 0, got -1"),
    ],
)
def test_wrong_arguments_are_named(cls, options, message):
    with pytest.raises(ValueError, match=message):
        cls(MLP(2, [4], DATA), **options)


@pytest.mark.parametrize(
    ("cls", "parameters", "options"),
    [
        (BetaLikelihood, 2, {"dispersion": "predicted"}),
        (CategoricalLikelihood, 4, {"categories": 4}),
        (DiscretizedLogisticMixtureLikelihood, 9, {"components": 3}),
    ],
)
def test_a_network_whose_output_does_not_divide_is_refused(cls, parameters, options):
    with pytest.raises(ValueError, match=rf"network: .* divides by {parameters} \(.*got \(19, 3"):
        cls(MLP(2, [4], (19, 3, 2)), **options)
