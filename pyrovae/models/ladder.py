"""Several layers of latents, and a guide that draws them top-down as the model does."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pyro
from torch import Tensor, nn

from pyrovae.checks import check_agreement
from pyrovae.distributions.product import normal_product
from pyrovae.likelihoods.base import Likelihood
from pyrovae.models.hierarchical import HierarchicalModel
from pyrovae.nn.network import Network
from pyrovae.posteriors.base import Posterior
from pyrovae.priors.base import Prior

__all__ = ["LadderVAE"]


class LadderVAE(HierarchicalModel):
    r"""Several layers of latents, with a guide that corrects the model's prior of each layer.

    .. math:: q(z \mid x) = q(z_L \mid x) \, q(z_{L-1} \mid z_L, x) \cdots q(z_1 \mid z_2, x),
        \qquad q(z_l \mid z_{l+1}, x) \propto p(z_l \mid z_{l+1}) \,
        N\left(z_l; \hat\mu_l(x), \hat\sigma_l(x)^2\right)

    The encoders first go up without drawing: :math:`d_1 = e_1(x), \; d_2 = e_2(d_1), \dots`, and
    :math:`\hat\mu_l, \hat\sigma_l` are computed from :math:`d_l`. The product of two normals is
    a normal whose precision is the sum of their precisions. At the top, :math:`q(z_L \mid x)` is
    computed from :math:`d_L` only. The model is that of `HierarchicalVAE`::

        LadderVAE(
            NormalPrior(50),  # p(z2)
            [
                NormalPosterior(MLP(200, [], 2 * 100)),  # what d1 says of z1
                NormalPosterior(MLP(100, [], 2 * 50)),  # q(z2|x), from d2
            ],
            BernoulliLikelihood(MLP(100, [200, 200], 784)),  # p(x|z1)
            conditional_priors=[NormalPosterior(MLP(50, [100, 100], 2 * 100))],  # p(z1|z2)
            encoders=[MLP(784, [200], 200), MLP(200, [100], 100)],
        )

    Any prior can be on top. One that is made of a posterior takes the whole path from the data to
    the top latent, so that its pseudo-inputs are data::

        whole = NormalPosterior(Chain([*encoders, posteriors[-1].network]))
        VampPrior(whole, pseudo_inputs=x, components=500)

    Sonderby et al., 2016, Ladder variational autoencoders, https://arxiv.org/abs/1602.02282.

    Args:
        prior: p(zL).
        posteriors: From the bottom to the top: normals given the outputs of the encoders, to be
            multiplied with the priors, and last q(zL|x), which may be any posterior.
        likelihood: p(x|z1).
        conditional_priors: p(z1|z2), ..., p(z_{L-1}|zL), from the bottom to the top; diagonal
            normals.
        encoders: The networks of the upward path, one for each layer of latents.

    Raises:
        ValueError: As for `HierarchicalModel`; or if there is not one encoder for each posterior,
            or the output of an encoder does not fit the next encoder and its posterior. When
            called: if a distribution that is to be multiplied is not a diagonal normal.
    """

    def __init__(
        self,
        prior: Prior,
        posteriors: Sequence[Posterior],
        likelihood: Likelihood,
        *,
        conditional_priors: Sequence[Posterior],
        encoders: Sequence[Network],
    ) -> None:
        super().__init__(prior, posteriors, likelihood, conditional_priors=conditional_priors)
        if len(encoders) != len(posteriors):
            raise ValueError(
                f"encoders: expected one for each of {len(posteriors)} posteriors, "
                f"got {len(encoders)}"
            )
        shapes = {"encoder of z1": encoders[0].in_shape, "likelihood": likelihood.data_shape}
        check_agreement("datum", shapes)
        for i, (encoder, posterior) in enumerate(zip(encoders, posteriors, strict=True), 1):
            shapes = {"encoder": encoder.out_shape, "posterior": posterior.data_shape}
            check_agreement(f"output of the encoder of z{i}", shapes)
        for i, (below, above) in enumerate(pairwise(encoders), 1):
            shapes = {"encoder": below.out_shape, "the next one": above.in_shape}
            check_agreement(f"output of the encoder of z{i}", shapes)
        self.encoders = nn.ModuleList(encoders)
        self.data_shape = encoders[0].in_shape

    def guide(self, x: Tensor) -> Any:
        """q(zL|x) q(z_{L-1}|zL, x) ... q(z1|z2, x), for data ``(n, *data_shape)``."""
        with self.data_plate(x):
            said = []
            for encoder, posterior in zip(self.encoders, self.posteriors, strict=True):
                x = encoder(x)
                said.append(posterior(x))
            z = pyro.sample(f"z{len(said)}", said[-1])
            for i in range(len(self.conditional_priors), 0, -1):
                over = self.conditional_priors[i - 1](z)
                z = pyro.sample(f"z{i}", normal_product(over, said[i - 1]))
            return z
