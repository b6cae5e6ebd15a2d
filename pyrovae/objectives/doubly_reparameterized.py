"""The importance-weighted bound with doubly reparameterised gradients."""

from torch import Tensor

from pyrovae.objectives.leaves import Coefficients, LeafObjective

__all__ = ["DoublyReparameterizedELBO"]


class DoublyReparameterizedELBO(LeafObjective):
    r"""The importance-weighted bound with a gradient of less variance for the guide (DReG).

    .. math:: \nabla_\phi = E\left[\sum_{k=1}^{K} \tilde w_k^2 \,
        \frac{\partial \log w_k}{\partial z_k} \frac{\partial z_k}{\partial \phi}\right],
        \quad w_k = \frac{p(x, z_k)}{q(z_k \mid x)}, \quad
        \tilde w_k = \frac{w_k}{\sum_j w_j}

    Value and expected gradient are those of `ImportanceWeightedELBO`, whose gradient for the
    guide drowns in noise as particles are added; this one's does not. The model's gradient is
    the same. Where a weight :math:`\beta` (see `BetaELBO`) or a mask lets the density of a latent
    count less, :math:`\tilde w_k^2` is :math:`\beta \tilde w_k^2 + (1 - \beta) \tilde w_k` there.

    Tucker, Lawson, Gu and Maddison, 2019, Doubly reparameterized gradient estimators for Monte
    Carlo objectives, https://arxiv.org/abs/1810.04152.

    Args:
        num_particles: Number of draws :math:`K` for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: At the first call, if a latent is not reparameterised, has a transform
            without inverse, or lies outside the data's plate. The site is named.
    """

    def coefficients(self, log_weights: Tensor) -> Coefficients:
        """The normalised weights, once by the model and twice by the paths."""
        weights = log_weights.softmax(0)
        return Coefficients(model=weights, density=0.0, path=weights, thinning=1 - weights)
