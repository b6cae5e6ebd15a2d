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
    r"""Where R chains are, and what the program says of that place.

    Attributes:
        position: The latents side by side, in the real space, ``(R, D)``.
        log_prior: :math:`\log p(z)` there, with the transform's volume, ``(R,)``.
        log_likelihood: :math:`\log p(x \mid z)`, ``(R,)``.
        prior_gradient: The gradient of the first by the position, ``(R, D)``.
        likelihood_gradient: That of the second, ``(R, D)``.
    """

    position: Tensor
    log_prior: Tensor
    log_likelihood: Tensor
    prior_gradient: Tensor
    likelihood_gradient: Tensor

    def where(self, chosen: Tensor, other: "Point") -> "Point":
        """This point in the chains that are chosen, ``(R,)`` bool, and the other elsewhere."""
        return Point(
            *(
                torch.where(chosen if a.dim() == 1 else chosen.unsqueeze(1), a, b)
                for a, b in zip(self, other, strict=True)
            )
        )


class Density:
    r"""The log prior and the log likelihood of a program, with gradients, row by row.

    All latents are one vector :math:`u` of a real space, see `RealSpace`.

    Args:
        program: The model, with its data observed.
        module: What owns the program's parameters.
        batch: A batch of the size to run with.
        rows: Rows in all calls together, for deciding whether compiling pays.
        observed: The sites at which it observes the last tensors of the batch, where it is not the
            module's own program.
        compile: Whether to compile the program and its gradients.

    Raises:
        ValueError: If a latent is discrete, a point, outside the data's plate, has a flat prior,
            one whose density is estimated, or a support (a sphere) that has no map from a real
            space. The site is named.
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
            raise ValueError("expected a program with latents, got one that has none")
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
        """What the program says of a position, ``(R, D)``, and a batch of R rows."""
        values = self._function((position, *batch))
        return Point(position, *(value.detach().clone() for value in values))

    def prior_draws(self, batch: Batch) -> Tensor:
        """A position for each row, drawn from the prior, ``(R, D)``."""
        trace = poutine.trace(self._program).get_trace(*batch)
        return self.position({name: trace.nodes[name]["value"] for name in self._space.names})

    def position(self, latents: dict[str, Tensor]) -> Tensor:
        """The position of values of the latents, by site, with the rows first."""
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
    if not total.requires_grad:  # data that no latent explains
        return torch.zeros_like(u)
    (found,) = torch.autograd.grad(total.sum(), [u], retain_graph=True, allow_unused=True)
    return torch.zeros_like(u) if found is None else found
