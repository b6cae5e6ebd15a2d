"""Figures read data in the forms in which training reads them."""

import numpy as np
import pytest
import torch
from tiny import FEATURES, tiny_vae

from pyrovae import VAE, plots
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

SHAPE = (1, 3, 4)


def image_vae():
    torch.manual_seed(0)
    return VAE(
        NormalPrior(2),
        NormalPosterior(MLP(SHAPE, [], 4)),
        BernoulliLikelihood(MLP(2, [], SHAPE)),
    )


def pixels():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (6, *SHAPE), generator=generator, dtype=torch.uint8)


FIGURES = {
    "reconstructions": plots.reconstructions,
    "traversal": plots.traversal,
    "interpolation": lambda m, x: plots.interpolation(m, x[:2], x[2:4]),
    "one interpolation": lambda m, x: plots.interpolation(m, x[0], x[1]),
    "attribute": lambda m, x: plots.attribute(m, x, torch.ones(2)),
}
FORMS = {
    "bytes": lambda x: x,
    "array of bytes": lambda x: x.numpy(),
    "array": lambda x: x.numpy().astype(np.float64) / 255,
    "double": lambda x: x.double() / 255,
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=list(FIGURES))
@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_one_picture_whatever_the_form(draw, form):
    vae = image_vae()
    (expected,) = draw(vae, pixels().float() / 255).axes[0].images
    (found,) = draw(vae, form(pixels())).axes[0].images
    # A rounding apart: 255ths in single and in double precision.
    np.testing.assert_allclose(found.get_array(), expected.get_array(), atol=1e-5)


@pytest.mark.parametrize(
    "draw", [plots.latent_scatter, plots.latent_codes, plots.aggregated_posterior]
)
def test_figures_of_codes_take_arrays(draw):
    assert draw(tiny_vae(), np.random.default_rng(0).random((20, FEATURES))).axes


def test_what_cannot_be_drawn_is_named():
    with pytest.raises(ValueError, match="x: expected a tensor or array, got list"):
        plots.reconstructions(tiny_vae(), [[0.0] * FEATURES])
    with pytest.raises(ValueError, match=r"x: expected shape \(n, ...\) with n >= 1"):
        plots.reconstructions(tiny_vae(), torch.zeros(FEATURES))
