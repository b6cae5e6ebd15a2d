"""What each single variable of a latent tells about the data."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import kl_divergence

from pyrovae.datasets import Source
from pyrovae.evaluation.errors import data_ses
from pyrovae.evaluation.estimates import weighed
from pyrovae.evaluation.moments import ACTIVE_VARIANCE, ActiveUnits, latent_moments
from pyrovae.evaluation.passes import Look, View, one_pass
from pyrovae.evaluation.reading import read_for
from pyrovae.handlers import is_latent
from pyrovae.objectives.terms import factorised, per_feature, sites_of_given_prior
from pyrovae.programs import Program, check_program

__all__ = ["LatentVariables", "VariableUse", "latent_variables"]

SHOWN = 8


@dataclass(frozen=True)
class LatentVariables:
    r"""The D variables of one latent, in its order (flattened), as plain numbers.

    Attributes:
        kl: For each variable, the mean over the data of :math:`KL(q(z_d \mid x) \Vert p(z_d))`, in
            nats per datum, in closed form if there is one, otherwise from one draw for each datum.
            They add up to the latent's KL. None if posterior or prior do not factorise over the
            variables (a mixture does not): then no variable has a KL of its own.
        data_se: Standard errors of these from the data. None if kl is, and for one datum.
        variance: The variance over the data of each variable's posterior mean; None for one datum.
        active: The positions of the variables with a variance above 0.01, which are active (Burda
            et al., 2016).
    """

    kl: list[float] | None
    data_se: list[float] | None
    variance: list[float] | None
    active: list[int]

    def __str__(self) -> str:
        if self.kl is None:
            return "undefined, since posterior or prior do not factorise"
        order = sorted(range(len(self.kl)), key=lambda d: -self.kl[d])  # type: ignore[index]
        shown = [f"[{d}] {self.kl[d]:.3f}" for d in order[:SHOWN]]
        rest = order[SHOWN:]
        if rest:
            shown.append(f"{len(rest)} more of at most {self.kl[rest[0]]:.3f}")
        return ", ".join(shown)


class VariableUse:
    """Sums up, batch by batch, what the variables of each latent tell about the data."""

    def __init__(self) -> None:
        self.units = ActiveUnits()
        self._kls: dict[str, list[Tensor]] = {}
        self._weights: list[Tensor] = []
        self._dependent: set[str] = set()

    def add(self, model: Program, view: View, *, rows: int) -> None:
        """Adds a batch.

        Args:
            model: The program and its guide.
            view: The batch.
            rows: Number of draws times data processed at once, if a moment is estimated by draws.
        """
        with view.aside():
            moments = latent_moments(model.guide, view.batch, rows=rows)
        weight = view.look.weight
        self.units.add(moments, weight)
        if view.look.undefined is not None:
            return
        size = len(view.batch[0])
        ones = torch.ones(size, dtype=torch.float64)
        self._weights.append(ones if weight is None else weight.cpu().double())
        for name, kl in _variable_kls(view.look).items():
            if kl is None:
                self._dependent.add(name)
            else:
                self._kls.setdefault(name, []).append(kl.cpu().double())

    def merge(self, other: "VariableUse") -> None:
        """Adds the data that another one has counted."""
        self.units.merge(other.units)
        self._weights += other._weights
        self._dependent |= other._dependent
        for name, kls in other._kls.items():
            self._kls.setdefault(name, []).extend(kls)

    @property
    def found(self) -> dict[str, LatentVariables]:
        """The variables of each latent of the guide."""
        return {name: self._of(name, v) for name, v in self.units.variances.items()}

    def _of(self, name: str, variance: Tensor) -> LatentVariables:
        kls = None
        if name in self._kls and name not in self._dependent:
            weights = torch.cat(self._weights)
            counts = weights > 0
            kls = weighed(torch.cat(self._kls[name])[counts], weights[counts])
        several = self.units.data > 1
        return LatentVariables(
            kl=None if kls is None else kls.mean(0).tolist(),
            data_se=None if kls is None or not several else data_ses(kls),
            variance=variance.tolist() if several else None,
            active=(variance > ACTIVE_VARIANCE).nonzero().flatten().tolist() if several else [],
        )


def latent_variables(
    model: Program,
    data: Source,
    *,
    batch_size: int = 1000,
    rows: int = 100_000,
    seed: int = 0,
) -> dict[str, LatentVariables]:
    r"""Tells for each variable of each latent its KL, and whether it is active.

    .. math:: KL_d = \frac{1}{N} \sum_n E_{q(z \mid x_n)}
        \left[\log q(z_d \mid x_n) - \log p(z_d)\right]

    A variable whose posterior is the prior for all data has a KL of 0 and carries no information.
    In a hierarchy both densities are conditional on the latents before. A variable is active if
    its posterior mean has a variance above 0.01 over the data (Burda, Grosse and Salakhutdinov,
    2016, Importance weighted autoencoders, https://arxiv.org/abs/1509.00519).

    Args:
        model: The program and its guide.
        data: A split, a tensor or array, a ``Dataset``, a ``DataLoader``.
        batch_size: Number of data processed at a time.
        rows: Number of draws times data processed at a time, if a moment is estimated by draws.
        seed: Seed of the draws.

    Returns:
        The variables by the name of their site. The model and the random state are left unchanged.

    Raises:
        ValueError: If a number is not positive, the data's shape or values do not fit, or there
            are no latents.
    """
    check_program(model)
    split = read_for(model, data)
    use = VariableUse()
    with one_pass(model, split, batch_size=batch_size, seed=seed) as views:
        for view in views:
            use.add(model, view, rows=rows)
    if not use.found:
        raise ValueError("latent_variables: expected a guide with latents, got none")
    return use.found


def _variable_kls(look: Look) -> dict[str, Tensor | None]:
    """The KL of each variable of each latent for each datum, ``(B, D)``.

    None if posterior or prior do not factorise, or if each datum has several copies of the latent.
    """
    model_trace, guide_trace = look.model_trace, look.guide_trace
    closed = sites_of_given_prior(model_trace, guide_trace)
    found: dict[str, Tensor | None] = {}
    for name, q in guide_trace.nodes.items():
        if not is_latent(q) or name not in model_trace:
            continue
        try:
            q_fn, p_fn = factorised(q), factorised(model_trace.nodes[name])
        except ValueError:
            found[name] = None
            continue
        kl = None
        if name in closed:
            try:
                kl = kl_divergence(q_fn, p_fn)
            except NotImplementedError:
                pass
        if kl is None:
            kl = q_fn.log_prob(q["value"]) - p_fn.log_prob(q["value"])
        found[name] = per_feature(q, kl) if len(q["fn"].batch_shape) == 1 else None
    return found
