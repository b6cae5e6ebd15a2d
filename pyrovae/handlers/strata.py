"""Draws from a mixture, spread evenly over its components."""

from typing import Any

import torch
from pyro.poutine.messenger import Messenger

from pyrovae.distributions import ExpertMixture

__all__ = ["Strata"]


class Strata(Messenger):
    """Draws the same number of particles from each component of a mixture of experts.

    Of K particles from a mixture of M components, the first K / M come from the first component,
    and so on. The draws are scored by the density of the mixture; those who average over particles
    have to apply the mixture's weights.

    Args:
        num_particles: Number of particles K, in the first dimension of a site.

    Raises:
        ValueError: If K is not a multiple of M. The message names the site.
    """

    def __init__(self, num_particles: int) -> None:
        super().__init__()
        self.num_particles = num_particles

    def _pyro_sample(self, msg: Any) -> None:
        mixture = msg["fn"]
        if not isinstance(mixture, ExpertMixture) or msg["is_observed"] or msg["done"]:
            return
        components = len(mixture.components)
        if self.num_particles % components:
            raise ValueError(
                f"num_particles: expected a multiple of the {components} components of site "
                f"{msg['name']!r}, for the same number of draws from each, got "
                f"{self.num_particles}"
            )
        device = mixture.weights.device
        choice = torch.arange(components, device=device)
        choice = choice.repeat_interleave(self.num_particles // components)
        shape = mixture.batch_shape
        msg["value"] = mixture.draw(choice.view(-1, *[1] * (len(shape) - 1)).expand(shape))
