"""Reweighted wake-sleep."""

from torch import Tensor

from pyrovae.objectives.leaves import Coefficients, LeafObjective

__all__ = ["ReweightedWakeSleep"]


class ReweightedWakeSleep(LeafObjective):
    r"""Reweighted wake-sleep: model and guide both learn from the same weighted draws.

    .. math:: \nabla_\theta = \sum_{k=1}^{K} \tilde w_k \nabla_\theta \log p(x, z_k), \qquad
        \nabla_\phi = \sum_{k=1}^{K} \tilde w_k \nabla_\phi \log q(z_k \mid x), \qquad
        \tilde w_k \propto \frac{p(x, z_k)}{q(z_k \mid x)}

    The first gradient (wake-theta) is that of the importance-weighted bound, which is the value.
    The second (wake-phi) is that of :math:`-KL(p(z \mid x) \,\Vert\, q(z \mid x))`, up to the
    error of the normalised weights, which decreases with the number of particles. It is not a
    gradient of the value. No latent needs to be reparameterised. Weights are normalised for each
    datum separately, so batches and subsampled plates work.

    Bornschein and Bengio, 2015, Reweighted wake-sleep, https://arxiv.org/abs/1406.2751;
    Le et al., 2019, Revisiting reweighted wake-sleep, https://arxiv.org/abs/1805.10469.

    Args:
        num_particles: Number of draws :math:`K` for each datum, at least 2. With one, the guide
            would learn nothing, because its weight is always 1.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If there are fewer than two particles; at the first call, if a latent has a
            transform without inverse or is outside the data's plate. The message names the site.
    """

    paths = False

    def __init__(self, *, num_particles: int = 5, max_plate_nesting: int = 1) -> None:
        if num_particles < 2:
            raise ValueError(f"num_particles: expected at least 2, got {num_particles}")
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)

    def coefficients(self, log_weights: Tensor) -> Coefficients:
        """Returns the normalised weights, for both densities."""
        weights = log_weights.softmax(0)
        return Coefficients(model=weights, density=-weights, path=None)
