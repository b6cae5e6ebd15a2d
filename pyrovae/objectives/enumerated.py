"""The evidence lower bound with discrete latents summed out."""

from typing import Any

from pyro.infer import TraceEnum_ELBO, config_enumerate

from pyrovae.objectives.base import Program

__all__ = ["EnumeratedELBO"]


class EnumeratedELBO(TraceEnum_ELBO):
    r"""The evidence lower bound with each discrete latent of the guide summed over its values.

    .. math:: \sum_z q(z \mid x) \left(\log p(x, z) - \log q(z \mid x)\right)

    It is ``pyro.infer.TraceEnum_ELBO`` that marks the guide's sites for enumeration itself, so
    that it is exact in the discrete latents without a change of the program. Latents that cannot
    be enumerated are drawn, as in `ELBO`. The networks meet the values in a new leftmost
    dimension.

    Kingma, Rezende, Mohamed and Welling, 2014, Semi-supervised learning with deep generative
    models, https://arxiv.org/abs/1406.5298 (equation 7).

    Args:
        num_particles: Number of draws for each datum of the latents that are drawn.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If ``num_particles`` is not positive.
    """

    def __init__(self, *, num_particles: int = 1, max_plate_nesting: int = 1) -> None:
        if num_particles < 1:
            raise ValueError(f"num_particles: expected at least 1, got {num_particles}")
        super().__init__(
            num_particles=num_particles,
            max_plate_nesting=max_plate_nesting,
            vectorize_particles=num_particles > 1,
            # A model without discrete latents is no mistake here.
            strict_enumeration_warning=False,
        )

    def _get_traces(self, model: Program, guide: Program, args: Any, kwargs: Any) -> Any:
        return super()._get_traces(model, config_enumerate(guide, "parallel"), args, kwargs)

    def __repr__(self) -> str:
        return f"EnumeratedELBO(num_particles={self.num_particles})"
