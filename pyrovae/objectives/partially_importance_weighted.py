"""Different importance-weighted bounds for the model and for the guide."""

from torch import Tensor

from pyrovae.objectives.leaves import Coefficients, LeafObjective
from pyrovae.objectives.multiply_importance_weighted import check_groups

__all__ = ["PartiallyImportanceWeightedELBO"]


class PartiallyImportanceWeightedELBO(LeafObjective):
    r"""The importance-weighted bound for the model, an average of several for the guide (PIWAE).

    .. math:: \nabla_\theta \log \frac{1}{K} \sum_{k=1}^{K} w_k, \qquad
        \nabla_\phi \frac{1}{M} \sum_{m=1}^{M} \log \frac{1}{K / M} \sum_{k=1}^{K / M} w_{mk},
        \quad w = \frac{p(x, z)}{q(z \mid x)}

    The model thus has the tightest bound, and the guide a gradient with less noise. The value is
    the first bound. The model's gradient goes through the density :math:`p(x, z)` at fixed
    latents, the guide's through its draws and its own density. Parameters that both share receive
    both gradients.

    Rainforth et al., 2018, Tighter variational bounds are not necessarily better,
    https://arxiv.org/abs/1802.04537.

    Args:
        num_particles: Number of draws :math:`K` for each datum, in all groups together.
        groups: Number :math:`M` of bounds that the guide averages; must divide ``num_particles``.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If ``groups`` does not divide ``num_particles``; at the first call, if a latent
            is not reparameterised, has a transform without inverse, or is outside the data's
            plate. The message names the site.
    """

    def __init__(
        self, *, num_particles: int = 8, groups: int = 2, max_plate_nesting: int = 1
    ) -> None:
        check_groups(num_particles, groups)
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)
        self.groups = groups

    def coefficients(self, log_weights: Tensor) -> Coefficients:
        """Normalises weights over all particles for the model, over each group for the guide."""
        grouped = log_weights.unflatten(0, (self.groups, -1)).softmax(1).flatten(0, 1)
        guide = grouped / self.groups
        return Coefficients(model=log_weights.softmax(0), density=guide, path=guide)
