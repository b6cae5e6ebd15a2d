"""The prior and the likelihood of a program as functions of its latents, in a real space."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from pyro import poutine
from torch import Tensor

from pyrovae.compilation import (
    AutoCompiled,
    Batch,
    CapturedFunction,
    Compile,
    CompiledFunction,
    Keeping,
    capture_calls,
    half_twice,
)
from pyrovae.evaluation.densities import check_density
from pyrovae.evaluation.undefined import undefined
from pyrovae.handlers import is_latent
from pyrovae.objectives.real_space import RealSpace
from pyrovae.objectives.terms import data_frame

__all__ = ["Density", "Point"]


class Point(NamedTuple):
    r"""The position of R chains, with the densities there.

    Attributes:
        position: The concatenated latents, in the real space, ``(R, D)``.
        log_prior: :math:`\log p(z)` there, including the volume of the transform, ``(R,)``.
        log_likelihood: :math:`\log p(x \mid z)`, ``(R,)``.
        prior_gradient: The gradient of ``log_prior`` with respect to the position, ``(R, D)``.
        likelihood_gradient: That of ``log_likelihood``, ``(R, D)``.
    """

    position: Tensor
    log_prior: Tensor
    log_likelihood: Tensor
    prior_gradient: Tensor
    likelihood_gradient: Tensor

    def where(self, chosen: Tensor, other: "Point") -> "Point":
        """This point for the chosen chains, ``(R,)`` bool, and the other point elsewhere."""
        return Point(
            *(
                torch.where(chosen if a.dim() == 1 else chosen.unsqueeze(1), a, b)
                for a, b in zip(self, other, strict=True)
            )
        )


class Density:
    r"""The log prior and the log likelihood of a program, with gradients, row by row.

    All latents together are one vector :math:`u` in a real space, see `RealSpace`.

    Args:
        program: The model, with its data observed.
        module: The module that owns the program's parameters.
        batch: A batch of the size to run with.
        rows: Total number of rows in all calls, to decide whether compiling pays.
        observed: The sites at which the program observes the last tensors of the batch, if it is
            not the module's own program.
        compile: Whether to compile the program and its gradients.

    Raises:
        ValueError: If a latent is discrete, a point, outside the data's plate, has a flat prior, a
            prior whose density is only estimated, or a support (a sphere) that has no map from a
            real space. The message names the site.
    """

    def __init__(
        self,
        program: Callable[..., Any],
        module: Any,
        batch: Batch,
        *,
        rows: int,
        observed: Sequence[str] = (),
        compile: Compile = False,
    ) -> None:
        self._program = program
        trace = poutine.trace(program).get_trace(*batch)
        reason = undefined(trace, poutine.Trace())
        if reason is not None:
            raise ValueError(f"there is no p(x): {reason}")
        sites = [site for site in trace.nodes.values() if is_latent(site)]
        if not sites:
            raise ValueError("expected a model with latents, got one with none")
        for site in sites:
            data_frame(site, nesting=1)
            check_density(site, "annealing")
        self._space = RealSpace(sites, leading=1, what="annealing")

        def compiled(inputs: Batch) -> CompiledFunction | CapturedFunction:
            names = Point._fields[1:]
            keeping = Keeping(module, ("annealing", tuple(observed)))
            other = half_twice(inputs)
            made = CompiledFunction(module, self._run, inputs, other, names=names, keeping=keeping)
            return capture_calls(made, inputs)

        def eager(inputs: Batch) -> list[Tensor]:
            return self._run((), inputs)

        self._function: AutoCompiled[list[Tensor]] = AutoCompiled(
            eager, compiled, mode=compile, data=rows, what="annealing"
        )

    def point(self, position: Tensor, batch: Batch) -> Point:
        """Evaluates the program at a position, ``(R, D)``, for a batch of R rows."""
        values = self._function((position, *batch))
        return Point(position, *(value.detach().clone() for value in values))

    def prior_draws(self, batch: Batch) -> Tensor:
        """Draws a position for each row from the prior, ``(R, D)``."""
        trace = poutine.trace(self._program).get_trace(*batch)
        return self.position({name: trace.nodes[name]["value"] for name in self._space.names})

    def position(self, latents: dict[str, Tensor]) -> Tensor:
        """Returns the position of values of the latents, by site, with the rows first."""
        return self._space.position(latents)

    def _run(self, leaves: Sequence[Tensor], inputs: Batch) -> list[Tensor]:
        position, *batch = inputs
        with torch.enable_grad():
            u = position.detach().requires_grad_()
            given, volumes = self._space.values(u)
            trace = poutine.trace(poutine.condition(self._program, given)).get_trace(*batch)
            trace.compute_log_prob()
            prior: Any = sum(volumes.values())
            likelihood: Any = torch.zeros_like(prior)
            for name, site in trace.nodes.items():
                if site["type"] != "sample" or "log_prob" not in site:
                    continue
                if name in given:
                    prior = prior + site["log_prob"] / data_frame(site, nesting=1)[1]
                elif site["is_observed"]:
                    likelihood = likelihood + site["log_prob"] / data_frame(site, nesting=1)[1]
            gradients = [_gradient(total, u) for total in (prior, likelihood)]
        return [prior.detach(), likelihood.detach(), *gradients]


def _gradient(total: Tensor, u: Tensor) -> Tensor:
    if not total.requires_grad:  # the data do not depend on any latent
        return torch.zeros_like(u)
    (found,) = torch.autograd.grad(total.sum(), [u], retain_graph=True, allow_unused=True)
    return torch.zeros_like(u) if found is None else found
