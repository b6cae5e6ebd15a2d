"""What stands in for a mean."""

import torch

from pyrovae.handlers.use_means import mean_of
from pyrovae.nn import MLP
from pyrovae.posteriors import VectorQuantizedPosterior


def test_a_codebook_that_is_nan_has_a_mean_that_is_nan():
    posterior = VectorQuantizedPosterior(MLP(3, [], 4), codes=4, code_features=2)
    with torch.no_grad():
        posterior.codebook.vectors.fill_(torch.nan)
    mean = mean_of(posterior(torch.randn(2, 3)))
    assert mean.value.isnan().all()
    assert mean.remark == "has a mean that is NaN"
