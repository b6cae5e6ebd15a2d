"""The bound whose guide learns only through its draws."""

from torch import Tensor

from pyrovae.objectives.leaves import Coefficients, LeafObjective

__all__ = ["StickingTheLandingELBO"]


class StickingTheLandingELBO(LeafObjective):
    r"""The (importance-weighted) bound without the score of the guide in its gradient.

    .. math:: \nabla_\phi \approx \sum_{k=1}^{K} \tilde w_k \,
        \frac{\partial \log w_k}{\partial z_k} \frac{\partial z_k}{\partial \phi},
        \quad w_k = \frac{p(x, z_k)}{q(z_k \mid x)}, \quad
        \tilde w_k = \frac{w_k}{\sum_j w_j}

    With one particle this is the ELBO. The term :math:`-\nabla_\phi \log q(z \mid x)` that is left
    out has expectation zero, and without it the gradient has no variance where the posterior is
    exact. With more particles the value is the importance-weighted bound, but the guide's gradient
    is biased (Tucker et al., 2019); that of `DoublyReparameterizedELBO` is not. The model's
    gradient is that of the bound.

    Roeder, Wu and Duvenaud, 2017, Sticking the landing: simple, lower-variance gradient
    estimators for variational inference, https://arxiv.org/abs/1703.09194.

    Args:
        num_particles: Number of draws :math:`K` for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: At the first call, if a latent is not reparameterised, has a transform
            without inverse, or is outside the data's plate. The message names the site.
    """

    def __init__(self, *, num_particles: int = 1, max_plate_nesting: int = 1) -> None:
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)

    def coefficients(self, log_weights: Tensor) -> Coefficients:
        """Returns the normalised weights for model and paths, and none for the guide's density."""
        weights = log_weights.softmax(0)
        return Coefficients(model=weights, density=0.0, path=weights)
