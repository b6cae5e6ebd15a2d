"""The base class of bounds whose draws follow the model's gradient before they are weighted."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from pyro import poutine
from pyro.distributions import Unit
from pyro.distributions.util import is_identically_zero, scale_and_mask
from pyro.poutine import Trace
from pyro.poutine.util import prune_subsample_sites
from torch import Tensor

from pyrovae.checks import check_count
from pyrovae.distributions.unwrap import family
from pyrovae.handlers import is_latent, plain_errors, unweighed
from pyrovae.latents import is_point_mass
from pyrovae.objectives.base import Program
from pyrovae.objectives.importance_weighted import ImportanceWeightedELBO
from pyrovae.objectives.leapfrog import leapfrog
from pyrovae.objectives.real_space import RealSpace
from pyrovae.objectives.terms import data_frame
from pyrovae.objectives.twice import twice_differentiable
from pyrovae.objectives.weights import Weight

__all__ = ["DynamicsObjective", "Place"]


class Place(NamedTuple):
    r"""A position of the latents, and what the programs compute there.

    Attributes:
        position: The latents in real space, ``(*batch, D)``.
        model: The gradient of :math:`\log p(x, z)`, in the same shape.
        guide: The gradient of :math:`\log q(z \mid x)`, in the same shape; zeros if not needed.
        trace: The model's trace.
    """

    position: Tensor
    model: Tensor
    guide: Tensor
    trace: Trace


class DynamicsObjective(ImportanceWeightedELBO):
    r"""A bound of draws that move along :math:`\nabla_z \log p(x, z)` with a momentum.

    The guide draws :math:`z_0`, a momentum is drawn as well, and `move` updates both by
    volume-preserving maps. The weight of a draw is then

    .. math:: w = \frac{p(x, z_K)}{q(z_0 \mid x)} \cdot \frac{\text{density of the momenta where
        they end}}{\text{density where they begin}}, \qquad E[w] = p(x)

    and the bound is :math:`\log \frac{1}{N} \sum_n w_n` over N particles, as in
    `ImportanceWeightedELBO`. Gradients go through all steps. Latents may be any that are
    continuous, with any prior and likelihood; they move in the real space of their support.

    The programs run again at each place that the draws pass. In training, batch normalisation
    therefore updates its running moments several times in a step, and dropout is drawn anew at each
    place, so that the places of one draw do not follow the gradient of a single density.

    Args:
        step_size: The leapfrog scheme's step :math:`\epsilon`, above 0.
        leapfrog_steps: Number of steps; each takes one gradient of the model.
        num_particles: Number of draws for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If a number is out of range; at the first call, if a latent is discrete, a
            point mass, not reparameterised, inside another plate than that of the data, or has a
            support (a sphere) to which no transform maps a real space. The message names the site.
    """

    step_size = Weight(is_positive=True)
    follows_guide: bool = False

    def __init__(
        self,
        *,
        step_size: float,
        leapfrog_steps: int,
        num_particles: int = 1,
        max_plate_nesting: int = 1,
    ) -> None:
        check_count("leapfrog_steps", leapfrog_steps)
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)
        self.step_size = step_size
        self.leapfrog_steps = leapfrog_steps

    @abstractmethod
    def move(self, place: Place, at: Callable[[Tensor], Place]) -> tuple[Place, Tensor]:
        """Moves the draws.

        Args:
            place: The place where the guide has drawn them.
            at: Computes the place at a position.

        Returns:
            The place where they are now, and the change in the log-density of the momenta for
            each coordinate, ``(*batch, D)``.
        """

    def step(
        self,
        place: Place,
        momentum: Tensor,
        at: Callable[[Tensor], Place],
        *,
        force: Callable[[Place], Tensor],
    ) -> tuple[Place, Tensor]:
        """Takes one step of the leapfrog scheme; see `leapfrog`."""
        step = self.step_size.to(momentum.dtype)
        return leapfrog(place, momentum, at=at, position=_position, force=force, step=step)

    def _get_trace(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Trace, Trace]:
        with twice_differentiable():
            return self._moved(model, guide, args, kwargs)

    def _moved(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Trace, Trace]:
        model_trace, guide_trace = super()._get_trace(model, guide, args, kwargs)
        names = [name for name, site in guide_trace.nodes.items() if is_latent(site)]
        if not names:
            return model_trace, guide_trace
        draws = {name: guide_trace.nodes[name]["value"] for name in names}
        leading = 1 + (self.num_particles > 1)
        sites = [_checked(name, model_trace, guide_trace, leading) for name in names]
        space = RealSpace(sites, leading=leading, what=type(self).__name__)
        runs = _Runs(
            model, guide if self.follows_guide else None, guide_trace, space, args, kwargs
        )
        place, gained = self.move(runs.at(space.position(draws)), runs.at)
        _, before = space.values(space.position(draws))
        _, after = space.values(place.position)
        sums = space.sums(gained)
        for name in names:
            site = place.trace.nodes[name]
            factor = sums[name] + after[name] - before[name]
            place.trace.add_node(
                f"{name}_momentum",
                **{
                    **site,
                    "name": f"{name}_momentum",
                    "fn": Unit(factor),
                    "value": factor.new_empty(*factor.shape, 0),
                    "is_observed": True,
                    "log_prob": scale_and_mask(factor, site["scale"], site["mask"]),
                },
            )
        return place.trace, guide_trace


def _position(place: Place) -> Tensor:
    return place.position


class _Runs:
    """Runs the programs at given values of their latents."""

    def __init__(
        self,
        model: Program,
        guide: Program | None,
        guide_trace: Trace,
        space: RealSpace,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self._model, self._guide, self._trace = model, guide, guide_trace
        self._space, self._args, self._kwargs = space, args, kwargs

    def at(self, position: Tensor) -> Place:
        """Returns the place at a position, ``(*batch, D)``."""
        graph = torch.is_grad_enabled()
        if not (graph and position.requires_grad):
            position = position.detach().requires_grad_()
        with torch.enable_grad():
            values, volumes = self._space.values(position)
            traces = [
                self._run(program, values)
                for program in (self._model, self._guide)
                if program is not None
            ]
            found = []
            for trace in traces:
                total = _per_datum(trace) + sum(volumes.values())
                (gradient,) = torch.autograd.grad(
                    total.sum(),
                    [position],
                    create_graph=graph,
                    retain_graph=True,
                    materialize_grads=True,
                )
                found.append(gradient)
        guide = found[1] if len(found) > 1 else torch.zeros_like(position)
        return Place(position, found[0], guide, traces[0])

    def _run(self, program: Program, values: dict[str, Tensor]) -> Trace:
        """Returns the trace of a program at these values of the latents."""
        given = self._trace.copy()
        for name, value in values.items():
            given.nodes[name] = {**given.nodes[name], "value": value}
        with plain_errors():
            trace = poutine.trace(poutine.replay(program, trace=given)).get_trace(
                *self._args, **self._kwargs
            )
        trace = prune_subsample_sites(trace)
        if program is self._guide:
            for name, value in values.items():
                _check_density(trace.nodes[name], value)
        trace.compute_log_prob()
        return trace


def _per_datum(trace: Trace) -> Any:
    """Returns the log-probability of each datum, without the plate's scale."""
    total: Any = 0.0
    for site in trace.nodes.values():
        if site["type"] == "sample":
            total = total + unweighed(site) / data_frame(site, 1)[1]
    return total


def _checked(name: str, model_trace: Trace, guide_trace: Trace, leading: int) -> Any:
    """Checks that a latent can be moved, and returns its site in the guide."""
    q = guide_trace.nodes[name]
    data_frame(q, 1)
    if name not in model_trace:
        raise ValueError(f"site {name!r}: the model has no latent of this name")
    if not is_identically_zero(q["score_parts"].score_function):
        raise ValueError(
            f"site {name!r}: {family(q['fn'])} is not reparameterised, so its draws cannot be "
            "moved along gradients"
        )
    if is_point_mass(q["fn"]):
        raise ValueError(f"site {name!r}: the posterior is a point mass, which has no density")
    if len(q["fn"].batch_shape) != leading:
        raise ValueError(f"site {name!r}: expected no plate around it other than the data plate")
    # The draws stay in the guide's support, which may be a part of the prior's: positive numbers
    # under a normal.
    return q


def _check_density(site: Any, value: Tensor) -> None:
    """Refuses a distribution that only knows the density of its own draws."""
    try:
        site["fn"].log_prob(value)
    except (KeyError, NotImplementedError):
        raise ValueError(
            f"site {site['name']!r}: its {family(site['fn'])} has a transform without an inverse, "
            "so the density of a given value cannot be computed"
        ) from None
