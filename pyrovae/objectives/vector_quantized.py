"""The objective of vector-quantised autoencoders."""

from typing import Any

from pyro.distributions.util import scale_and_mask
from pyro.poutine import Trace
from torch import Tensor

from pyrovae.distributions.codes import NearestCode
from pyrovae.handlers import is_latent
from pyrovae.objectives.base import Objective
from pyrovae.objectives.terms import elbo_terms, sum_of_terms
from pyrovae.objectives.weights import Weight

__all__ = ["VectorQuantizedELBO"]


class VectorQuantizedELBO(Objective):
    r"""The evidence lower bound minus the distance between a network's output and its codes.

    .. math:: \log p(x \mid z) + \log p(z) - \lVert \operatorname{sg}(f(x)) - z \rVert^2
        - \beta \lVert f(x) - \operatorname{sg}(z) \rVert^2, \qquad z = e_{k(x)}

    where sg stops the gradient. The first distance pulls the codes to the output, the second
    (commitment) the output to the codes. Both are sums over a datum's variables and only apply in
    training: reports give the bound.

    van den Oord, Vinyals and Kavukcuoglu, 2017, Neural discrete representation learning,
    https://arxiv.org/abs/1711.00937 (equation 3).

    Args:
        commitment: The weight :math:`\beta`, at least 0.
        num_particles: Number of draws for each datum, for other latents that are drawn.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If ``commitment`` is negative; at the first call, if no latent has a
            codebook.
    """

    commitment = Weight()

    def __init__(
        self, *, commitment: float = 0.25, num_particles: int = 1, max_plate_nesting: int = 1
    ) -> None:
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)
        self.commitment = commitment

    def bound_and_surrogate(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        """The bound minus the distances, summed over the batch and averaged over particles."""
        sites = [
            site
            for site in guide_trace.nodes.values()
            if is_latent(site) and isinstance(site["fn"], NearestCode)
        ]
        if not sites:
            names = ", ".join(repr(n) for n, s in guide_trace.nodes.items() if is_latent(s))
            raise ValueError(
                "expected a latent with a codebook (VectorQuantizedPosterior), "
                f"got {names or 'no latent'}"
            )
        bound, surrogate = sum_of_terms(elbo_terms(model_trace, guide_trace), guide_trace)
        # The scale of the data: a weight on the KL term (beta) does not apply to the codebook.
        scale = next(s["scale"] for s in model_trace.nodes.values() if s.get("is_observed"))
        distance = sum(self._distance(site, scale) for site in sites)
        return (bound - distance) / self.num_particles, (surrogate - distance) / self.num_particles

    def _distance(self, site: Any, scale: Any) -> Any:
        fn = site["fn"]
        each = (fn.target.detach() - fn.code).square()
        each = each + self.commitment * (fn.target - fn.code.detach()).square()
        return scale_and_mask(each.flatten(-fn.event_dim).sum(-1), scale, site["mask"]).sum()
