"""The evidence lower bound."""

from pyro.poutine import Trace
from torch import Tensor

from pyrovae.objectives.base import Objective
from pyrovae.objectives.terms import elbo_terms, sum_of_terms

__all__ = ["ELBO"]


class ELBO(Objective):
    r"""The evidence lower bound, estimated by Monte Carlo.

    .. math:: \frac{1}{K} \sum_{k=1}^{K} \log p(x, z_k) - \log q(z_k \mid x),
        \quad z_k \sim q(z \mid x)

    Value and gradient are those of ``pyro.infer.Trace_ELBO``, including the score-function terms
    of draws that are not reparameterised. Unlike ``Trace_ELBO`` it does not wait for the device at
    each site.

    Kingma and Welling, 2014, Auto-encoding variational Bayes, https://arxiv.org/abs/1312.6114;
    Wingate and Weber, 2013, Automated variational inference in probabilistic programming,
    https://arxiv.org/abs/1301.1299.

    Args:
        num_particles: Number of draws :math:`K` for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.
    """

    def bound_and_surrogate(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        """The bound and its surrogate, summed over the batch and averaged over particles."""
        terms = elbo_terms(model_trace, guide_trace)
        bound, surrogate = sum_of_terms(terms, guide_trace)
        return bound / self.num_particles, surrogate / self.num_particles
