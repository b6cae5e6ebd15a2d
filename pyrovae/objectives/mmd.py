"""A bound that compares draws of the aggregate posterior with draws of the prior."""

from typing import Literal

from torch import Tensor

from pyrovae.objectives.distance import DistanceObjective
from pyrovae.objectives.weights import Weight

__all__ = ["MMDELBO", "maximum_mean_discrepancy"]


class MMDELBO(DistanceObjective):
    r"""Reconstruction minus the MMD between aggregate posterior and prior (InfoVAE, WAE-MMD).

    .. math:: E_q[\log p(x \mid z)] - \kappa \, KL\left(q(z \mid x) \,\Vert\, p(z)\right)
        - \lambda \, \text{MMD}^2\left(q(z), p(z)\right)

    where :math:`q(z)` is the aggregate posterior, represented by one draw for each datum of the
    batch and compared with as many draws of the prior. The squared maximum mean discrepancy with
    the kernel :math:`k` is estimated without bias, so the estimate may be negative:

    .. math:: \frac{1}{B (B - 1)} \sum_{i \ne j} \left(k(z_i, z_j) + k(z'_i, z'_j)\right)
        - \frac{2}{B^2} \sum_{i, j} k(z_i, z'_j), \quad z_i \sim q(z \mid x_i),
        \; z'_i \sim p(z)

    With :math:`\kappa = 0` it is the Wasserstein autoencoder with MMD. InfoVAE has the weights
    :math:`\kappa = 1 - \alpha` and :math:`\lambda = \alpha + \lambda_{\text{Info}} - 1`. The KL is
    in closed form where one is known. The kernels are

    .. math:: k_{\text{rbf}}(z, z') = \exp -\frac{\lVert z - z' \rVert^2}{2 h^2}, \qquad
        k_{\text{imq}}(z, z') = \frac{2 h^2}{2 h^2 + \lVert z - z' \rVert^2}

    Zhao, Song and Ermon, 2017, InfoVAE: information maximizing variational autoencoders,
    https://arxiv.org/abs/1706.02262; Tolstikhin et al., 2018, Wasserstein auto-encoders,
    https://arxiv.org/abs/1711.01558.

    Args:
        mmd_weight: The weight :math:`\lambda`, at least 0.
        kl_weight: The weight :math:`\kappa`, at least 0.
        kernel: The kernel: ``"imq"`` has heavier tails than ``"rbf"``.
        bandwidth: The kernel's :math:`h`; if None, the square root of the number of features,
            which suits a standard normal prior.
        num_particles: Number of draws for each datum; the discrepancy is averaged over them.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If a weight is negative, the kernel is unknown or the bandwidth is not
            positive; at the first call, if the posterior is not reparameterised, if the prior has
            trainable parameters but draws without gradients (a mixture), or if there is not
            exactly one latent, inside the data's plate. The message names the site.
    """

    mmd_weight = Weight()

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
        super().__init__(
            kl_weight=kl_weight,
            num_particles=num_particles,
            max_plate_nesting=max_plate_nesting,
        )
        self.mmd_weight = mmd_weight
        self.kernel = kernel
        self.bandwidth = bandwidth

    def penalty(self, z: Tensor, prior: Tensor) -> Tensor:
        """Returns the weighted discrepancy between two sets of draws; see `DistanceObjective`."""
        bandwidth = self.bandwidth or z.shape[-1] ** 0.5
        found = maximum_mean_discrepancy(z, prior, kernel=self.kernel, bandwidth=bandwidth)
        return self.mmd_weight.to(found.dtype) * found


def maximum_mean_discrepancy(
    x: Tensor, y: Tensor, *, kernel: str = "imq", bandwidth: float = 1.0
) -> Tensor:
    """Returns the unbiased estimate of the squared maximum mean discrepancy (see `MMDELBO`).

    Args:
        x: Draws of one distribution, ``(*batch, n, d)``.
        y: Draws of the other, ``(*batch, m, d)``.
        kernel: ``"imq"`` or ``"rbf"``.
        bandwidth: Width of the kernel.

    Returns:
        The estimates, ``(*batch,)``.
    """

    def kernel_matrix(x: Tensor, y: Tensor) -> Tensor:
        # Not torch.cdist, whose gradient is undefined at a distance of zero.
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
