"""The importance-weighted bound with doubly reparameterised gradients."""

from torch import Tensor

from pyrovae.objectives.leaves import Coefficients, LeafObjective

__all__ = ["DoublyReparameterizedELBO"]


class DoublyReparameterizedELBO(LeafObjective):
    r"""The importance-weighted bound with a low-variance gradient for the guide (DReG).

    .. math:: \nabla_\phi = E\left[\sum_{k=1}^{K} \tilde w_k^2 \,
        \frac{\partial \log w_k}{\partial z_k} \frac{\partial z_k}{\partial \phi}\right],
        \quad w_k = \frac{p(x, z_k)}{q(z_k \mid x)}, \quad
        \tilde w_k = \frac{w_k}{\sum_j w_j}

    Value and expected gradient are those of `ImportanceWeightedELBO`. There, the signal-to-noise
    ratio of the guide's gradient falls with the number of particles; here it does not. The model's
    gradient is the same. Where a weight :math:`\beta` (see `BetaELBO`) or a mask reduces the
    weight of a latent's density, :math:`\tilde w_k^2` is replaced by
    :math:`\beta \tilde w_k^2 + (1 - \beta) \tilde w_k`.

    Tucker, Lawson, Gu and Maddison, 2019, Doubly reparameterized gradient estimators for Monte
    Carlo objectives, https://arxiv.org/abs/1810.04152.

    Args:
        num_particles: Number of draws :math:`K` for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: At the first call, if a latent is not reparameterised, has a transform
            without inverse, or is outside the data's plate. The message names the site.
    """

    def coefficients(self, log_weights: Tensor) -> Coefficients:
        """Returns the normalised weights, to the first power for the model, squared for paths."""
        weights = log_weights.softmax(0)
        return Coefficients(model=weights, density=0.0, path=weights, thinning=1 - weights)
