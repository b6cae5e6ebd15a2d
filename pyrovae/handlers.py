"""Effect handlers: what the library does to a model or guide from outside, as Pyro does."""

import inspect
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from pyro import poutine
from pyro.distributions.torch_distribution import MaskedDistribution
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message
from torch import Tensor
from torch.distributions import Independent
from torch.nn.functional import normalize

from pyrovae.distributions import RelaxedOneHots
from pyrovae.latents import check_kinds, is_point_mass, latent_kind

__all__ = [
    "CheckShapes",
    "Draw",
    "DrawLeaves",
    "ScaleLatents",
    "ScaleTemperatures",
    "UseMeans",
    "check_taken",
    "family",
    "is_latent",
    "is_subsample",
    "latent_means",
    "scale_latents",
    "send_back",
    "tensors_taken",
]


def is_subsample(site: Any) -> bool:
    """Whether a sample site is a plate's choice of its batch, and no random variable."""
    return type(site["fn"]).__name__ == "_Subsample"


def is_latent(site: Any) -> bool:
    """Whether a trace's node or a message is a latent variable (and no datum, param or plate)."""
    return site["type"] == "sample" and not site["is_observed"] and not is_subsample(site)


def tensors_taken(program: Callable[..., Any]) -> int | None:
    """How many tensors a program takes; ``None`` for any number."""
    parameters = inspect.signature(program).parameters.values()
    if any(parameter.kind == parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in positional for parameter in parameters)


def check_taken(program: Callable[..., Any], batch: tuple[Any, ...]) -> None:
    """Looks whether a program takes as many tensors as a batch has.

    Raises:
        ValueError: If it does not.
    """
    signature = inspect.signature(program)
    try:
        signature.bind(*batch)
    except TypeError:
        names = f"({', '.join(signature.parameters)})"
        number = "one tensor" if len(batch) == 1 else f"{len(batch)} tensors"
        raise ValueError(
            f"expected batches with the tensors {names} that the model takes, got {number} in "
            "each (data.with_labels() puts labels into the batches)"
        ) from None


class ScaleLatents(Messenger):
    r"""Multiplies the log-probability of each latent site by a factor.

    Around model and guide both, it weighs the KL term of any objective:
    :math:`E_q[\log p(x|z)] - \beta \, KL`. Unlike ``pyro.poutine.scale`` it leaves the data's
    site alone and takes a factor of zero, with which a warm-up begins.

    Args:
        factor: The weight :math:`\beta`, a number or a 0-dim tensor.
    """

    def __init__(self, factor: float | Tensor) -> None:
        super().__init__()
        self.factor = factor

    def _pyro_sample(self, msg: Message) -> None:
        if is_latent(msg):
            msg["scale"] = msg["scale"] * self.factor


def scale_latents(fn: Callable[..., Any], factor: float | Tensor) -> Callable[..., Any]:
    """Wraps a model or guide in `ScaleLatents`."""
    return ScaleLatents(factor)(fn)


class ScaleTemperatures(Messenger):
    """Multiplies the temperature of each relaxed categorical latent by a factor.

    Args:
        factor: The factor, a 0-dim tensor.
    """

    def __init__(self, factor: Tensor) -> None:
        super().__init__()
        self.factor = factor

    def _pyro_sample(self, msg: Message) -> None:
        fn: Any = msg["fn"]
        if is_latent(msg) and isinstance(fn, RelaxedOneHots):
            msg["fn"] = fn.at(fn.temperature * self.factor)


class UseMeans(Messenger):
    """Gives each latent site the mean of its distribution instead of a draw.

    Where a distribution has no mean in closed form, the mean of ``draws`` draws stands in, and
    where it has none at all (a Cauchy, or a categorical's labels), its mode; a warning names the
    site. On a sphere it is the mean direction, for the mean itself is inside. A one-hot
    vector's mean is its probabilities.

    Args:
        draws: Number of draws where there is no closed form.
    """

    def __init__(self, draws: int = 100) -> None:
        super().__init__()
        self.draws = draws

    def _pyro_sample(self, msg: Message) -> None:
        if msg["done"] or not is_latent(msg):
            return
        msg["value"] = self._mean(msg["name"], msg["fn"])
        msg["done"] = True

    def _mean(self, name: Any, fn: Any) -> Tensor:
        kind = type(fn).__name__
        try:
            mean = fn.mean
        except NotImplementedError:
            warnings.warn(
                f"site {name!r}: {kind} has no mean in closed form, "
                f"so the mean of {self.draws} draws is given",
                stacklevel=2,
            )
            mean = fn.sample((self.draws,)).mean(0)
        if mean.isnan().any():
            warnings.warn(f"site {name!r}: {kind} has no mean, so its mode is given", stacklevel=2)
            mean = fn.mode
        return normalize(mean, dim=-1) if latent_kind(fn) == "sphere" else mean


def latent_means(guide: Callable[..., Any], *batch: Tensor) -> dict[str, Tensor]:
    """The mean of each latent site of a guide, each taken at the means of those before it."""
    trace = poutine.trace(UseMeans()(guide)).get_trace(*batch)
    return {name: site["value"] for name, site in trace.nodes.items() if is_latent(site)}


class Draw(NamedTuple):
    """A latent that was drawn, and what was put in its place.

    Attributes:
        fn: Its distribution.
        sample: The draw, with the graph that leads back to the guide's parameters.
        leaf: The same numbers, with no graph behind them.
    """

    fn: Any
    sample: Tensor
    leaf: Tensor


class DrawLeaves(Messenger):
    """Cuts the graph at each latent that a guide draws, and remembers both ends.

    Everything after a draw (later sites of the guide, all densities, the model that is replayed)
    sees a leaf, so the gradient with respect to the latents can be taken, changed, and sent back
    through the samples (`send_back`). The guide runs once. A trace of it has each site's `Draw`
    under ``site["infer"]["draw"]``.

    Args:
        paths: Whether gradients are to go back through the samples.

    Attributes:
        draws: The latents by name, in the order in which they were drawn.

    Raises:
        ValueError: If gradients are to go back through a site that is not reparameterised, or
            come from the density of a point mass. The site is named.
    """

    def __init__(self, *, paths: bool = True) -> None:
        super().__init__()
        self.paths = paths
        self.draws: dict[str, Draw] = {}

    def __enter__(self) -> Any:
        self.draws = {}
        return super().__enter__()

    def _pyro_sample(self, msg: Message) -> None:
        if msg["done"] or not is_latent(msg):
            return
        fn: Any = msg["fn"]
        name = str(msg["name"])
        if self.paths and not fn.has_rsample:
            raise ValueError(
                f"site {name!r}: {family(fn)} is not reparameterised, so no gradient passes "
                "through its draws"
            )
        if not self.paths and is_point_mass(fn):
            raise ValueError(
                f"site {name!r}: {family(fn)} is a point mass, whose log-probability teaches "
                "the guide nothing"
            )
        sample = fn()
        # Straight-through draws carry the relaxed value beside the rounded one; a leaf cannot.
        if hasattr(sample, "_unquantize"):
            raise ValueError(
                f"site {name!r}: the draws of {family(fn)} are rounded (straight-through), so it "
                "has no density at their values"
            )
        leaf = sample.detach()
        if self.paths:
            leaf.requires_grad_()
        self.draws[name] = Draw(fn, sample, leaf)
        msg["infer"] = {**(msg["infer"] or {}), "draw": self.draws[name]}
        msg["value"] = leaf
        msg["done"] = True


def send_back(
    draws: list[Draw], gradients: list[Tensor], shares: list[Tensor] | None = None
) -> Tensor:
    """Sends gradients with respect to leaves back through the samples whose place they took.

    Last site first: the sample of a later site depends on the leaves of earlier ones, whose
    gradients it adds to.

    Args:
        draws: All draws of a guide, in their order.
        gradients: One for each leaf.
        shares: By how much to multiply what came back to each sample, from everything after it,
            before it goes on to the guide's parameters. All of it, if left out.

    Returns:
        A 0-dim surrogate, whose gradient with respect to the guide's parameters is theirs.
    """
    totals = list(gradients)
    for i in range(len(draws) - 1, 0, -1):
        if not draws[i].sample.requires_grad:
            continue
        passed = torch.autograd.grad(
            draws[i].sample,
            [draw.leaf for draw in draws[:i]],
            totals[i],
            retain_graph=True,
            allow_unused=True,
        )
        for j, gradient in enumerate(passed):
            if gradient is not None:
                totals[j] = totals[j] + gradient
    if shares is not None:
        totals = [total * share for total, share in zip(totals, shares, strict=True)]
    products = (draw.sample * total for draw, total in zip(draws, totals, strict=True))
    return torch.stack([product.sum() for product in products]).sum()


def family(fn: Any) -> str:
    """What to call a distribution in a message: its class, whatever is independent in it."""
    while isinstance(fn, Independent | MaskedDistribution):
        fn = fn.base_dist
    return type(fn).__name__


class CheckShapes(Messenger):
    """Refuses values whose shapes do not fit their distribution, before they broadcast.

    And a latent whose prior and posterior are densities of different kinds.

    A missing batch dimension or a flattened image otherwise broadcasts against the
    distribution's parameters, and the program trains on nonsense without a complaint.

    Args:
        size: Number of data in the batch.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.data: set[str] = set()

    def _pyro_sample(self, msg: Message) -> None:
        # Nothing outside the program has spoken yet, so this is what the program observes.
        if msg["is_observed"]:
            self.data.add(msg["name"])

    def _pyro_post_sample(self, msg: Message) -> None:
        fn: Any = msg["fn"]
        value: Any = msg["value"]
        if not isinstance(value, Tensor) or is_subsample(msg):
            return
        if is_latent(msg):
            # A model that is replayed on a guide's draws gets the guide's notes with them.
            notes: Any = msg["infer"]
            kind = latent_kind(fn)
            check_kinds(f"site {msg['name']!r}", notes.setdefault("latent_kind", kind), kind)
        events = len(fn.event_shape)
        batch, event = value.shape[: value.dim() - events], value.shape[value.dim() - events :]
        if event != fn.event_shape:
            raise ValueError(
                f"site {msg['name']!r}: its distribution has event shape "
                f"{tuple(fn.event_shape)}, but its value has {tuple(event)} "
                f"(shape {tuple(value.shape)})"
            )
        if not msg["is_observed"]:
            return
        # The plates around the program, of particles or draws, add dimensions to the latents that
        # poutine.condition gives, never to the data.
        plates = 1 if msg["name"] in self.data else max(-f.dim for f in msg["cond_indep_stack"])
        if batch[-1:] != (self.size,) or len(batch) > plates:
            raise ValueError(
                f"site {msg['name']!r}: expected data of shape "
                f"{(self.size, *fn.event_shape)}, the batch first, got {tuple(value.shape)}"
            )
