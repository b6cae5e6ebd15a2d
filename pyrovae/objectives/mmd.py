"""A bound whose aggregate posterior is compared with the prior by their draws."""

from typing import Literal

from pyro.poutine import Trace
from torch import Tensor

from pyrovae.distributions.unwrap import family
from pyrovae.objectives.aggregate import only_latent
from pyrovae.objectives.base import Objective
from pyrovae.objectives.terms import elbo_terms, sum_of_terms
from pyrovae.objectives.weights import Weight
from pyrovae.ranks import count, rows

__all__ = ["MMDELBO", "maximum_mean_discrepancy"]


class MMDELBO(Objective):
    r"""Reconstruction, less the distance of aggregate posterior and prior (InfoVAE, WAE-MMD).

    .. math:: E_q[\log p(x \mid z)] - \kappa \, KL\left(q(z \mid x) \,\Vert\, p(z)\right)
        - \lambda \, \text{MMD}^2\left(q(z), p(z)\right)

    where :math:`q(z)` is the aggregate posterior, represented by one draw for each datum of the
    batch, against as many draws of the prior. The squared maximum mean discrepancy under the
    kernel :math:`k` is estimated without bias (so it may be negative):

    .. math:: \frac{1}{B (B - 1)} \sum_{i \ne j} \left(k(z_i, z_j) + k(z'_i, z'_j)\right)
        - \frac{2}{B^2} \sum_{i, j} k(z_i, z'_j), \quad z_i \sim q(z \mid x_i),
        \; z'_i \sim p(z)

    With :math:`\kappa = 0` it is the Wasserstein autoencoder with MMD; the InfoVAE's weights are
    :math:`\kappa = 1 - \alpha` and :math:`\lambda = \alpha + \lambda_{\text{Info}} - 1`. The KL
    is in closed form where one is registered. Kernels:

    .. math:: k_{\text{rbf}}(z, z') = \exp -\frac{\lVert z - z' \rVert^2}{2 h^2}, \qquad
        k_{\text{imq}}(z, z') = \frac{2 h^2}{2 h^2 + \lVert z - z' \rVert^2}

    Zhao, Song and Ermon, 2017, InfoVAE: information maximizing variational autoencoders,
    https://arxiv.org/abs/1706.02262; Tolstikhin et al., 2018, Wasserstein auto-encoders,
    https://arxiv.org/abs/1711.01558.

    Args:
        mmd_weight: The weight :math:`\lambda`, at least 0.
        kl_weight: The weight :math:`\kappa`, at least 0.
        kernel: The kernel: ``"imq"`` has heavier tails than ``"rbf"``.
        bandwidth: The kernel's :math:`h`; the square root of the number of features, which suits
            a standard normal prior, if left out.
        num_particles: Number of draws for each datum; the discrepancy is that of each draw,
            averaged.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If a weight is negative, the kernel unknown or the bandwidth not positive; at
            the first call, if the posterior is not reparameterised, if the prior has parameters
            to learn and its draws are not differentiable (a mixture's), or if there is not one
            latent, within the data's plate. The site is named.
    """

    across_batch = True
    across_ranks = True
    mmd_weight = Weight()
    kl_weight = Weight()

    def __init__(
        self,
        *,
        mmd_weight: float = 100.0,
        kl_weight: float = 0.0,
        kernel: Literal["imq", "rbf"] = "imq",
        bandwidth: float | None = None,
        num_particles: int = 1,
        max_plate_nesting: int = 1,
    ) -> None:
        if bandwidth is not None and not bandwidth > 0:
            raise ValueError(f"bandwidth: expected a positive number, got {bandwidth}")
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)
        self.mmd_weight = mmd_weight
        self.kl_weight = kl_weight
        self.kernel = kernel
        self.bandwidth = bandwidth

    def bound_and_surrogate(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        """The bound and its surrogate, summed over the batch and averaged over particles."""
        p, q, scale = only_latent(
            model_trace,
            guide_trace,
            num_particles=self.num_particles,
            nesting=self.plate_nesting,
        )
        if not q["fn"].has_rsample:
            raise ValueError(
                f"site {q['name']!r}: {family(q['fn'])} is not reparameterised, so the "
                "discrepancy of its draws has no gradient"
            )
        z, events = q["value"], len(q["fn"].event_shape)
        if not p["fn"].has_rsample and p["fn"].log_prob(z.detach()).requires_grad:
            raise ValueError(
                f"site {p['name']!r}: the prior's draws ({family(p['fn'])}) are not "
                "differentiable, so the discrepancy would not train its parameters"
            )
        terms = []
        for term in elbo_terms(model_trace, guide_trace, analytic=True):
            if term.latent is None:
                terms.append(term)
            else:  # at a weight of zero too: in a graph it may rise
                value, differentiable = term.value, term.differentiable
                terms.append(
                    term._replace(
                        value=self.kl_weight * value,
                        differentiable=None
                        if differentiable is None
                        else self.kl_weight * differentiable,
                    )
                )
        bound, surrogate = sum_of_terms(terms, guide_trace)
        draws = [
            value.flatten(-events) if events else value.unsqueeze(-1) for value in (z, p["fn"]())
        ]
        bandwidth = self.bandwidth or draws[0].shape[-1] ** 0.5
        draws = [rows(value, value.dim() - 2) for value in draws]  # of all ranks
        discrepancy = maximum_mean_discrepancy(*draws, kernel=self.kernel, bandwidth=bandwidth)
        penalty = self.mmd_weight.to(discrepancy.dtype) * scale * discrepancy.mean()
        # Of several ranks each reports it for its own data, and differentiates it for all of them.
        own = z.shape[-1 - events]
        return (
            bound / self.num_particles - own * penalty,
            surrogate / self.num_particles - count(own) * penalty,
        )


def maximum_mean_discrepancy(
    x: Tensor, y: Tensor, *, kernel: str = "imq", bandwidth: float = 1.0
) -> Tensor:
    """The unbiased estimate of the squared maximum mean discrepancy (see `MMDELBO`).

    Args:
        x: Draws of one distribution, ``(*batch, n, d)``.
        y: Draws of the other, ``(*batch, m, d)``.
        kernel: ``"imq"`` or ``"rbf"``.
        bandwidth: The kernel's width.

    Returns:
        The estimates, ``(*batch,)``.
    """

    def kernel_matrix(x: Tensor, y: Tensor) -> Tensor:
        # Not torch.cdist, whose gradient at a distance of zero is not defined.
        products = x @ y.mT
        squares = x.square().sum(-1).unsqueeze(-1) + y.square().sum(-1).unsqueeze(-2)
        squares = squares - 2 * products
        if kernel == "rbf":
            return (-squares / (2 * bandwidth**2)).exp()
        return 2 * bandwidth**2 / (2 * bandwidth**2 + squares)

    def mean_of_others(z: Tensor) -> Tensor:
        n, matrix = z.shape[-2], kernel_matrix(z, z)
        diagonal = matrix.diagonal(dim1=-2, dim2=-1).sum(-1)
        return (matrix.sum((-2, -1)) - diagonal) / (n * (n - 1))

    return mean_of_others(x) + mean_of_others(y) - 2 * kernel_matrix(x, y).mean((-2, -1))
