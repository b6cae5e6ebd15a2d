"""What was published, and how it is trained here."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

__all__ = ["PROTOCOLS", "Protocol", "Quantity", "names", "read_protocol"]

PROTOCOLS = Path(__file__).parent / "protocols"

#: What a result is a number of, and where a lower one is better.
Quantity = Literal["elbo", "log_likelihood", "bits_per_dim", "loss", "accuracy"]
LOWER_IS_BETTER = ("bits_per_dim", "loss")


@dataclass(frozen=True)
class Protocol:
    """One published result.

    Attributes:
        name: What the command calls it; its folder.
        what: The model, the data and the number, in a line.
        source: Who published it, and where.
        quantity: What it is a number of; in nats per datum, but for bits per dimension and
            accuracy. ``loss`` is the mean training loss of the last epoch.
        published: The number, as this library signs it: bounds and log-likelihoods are negative.
        within: How far from it a value reaches it; beyond that it falls short.
        within_reason: Why so far.
        protocol: Data, network, optimizer, budget and S.
        differs: What is done otherwise here.
        error: The published standard error or spread, as the source has it.
        from_memory: Whether the number could not be read in a source.
        seeds: The seeds that are run.
        found: What was found about a difference from the published number.
        script: The module of this package that trains, where ``pyrovae train`` does not.
        options: Its options.
    """

    name: str
    what: str
    source: str
    quantity: Quantity
    published: float
    protocol: str
    differs: str
    within: float = 0.5
    within_reason: str = ""
    error: str = ""
    from_memory: bool = False
    seeds: tuple[int, ...] = (0,)
    found: str = ""
    script: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        """The configuration that ``pyrovae train`` reads."""
        return PROTOCOLS / self.name / "train.yaml"

    @property
    def lower_is_better(self) -> bool:
        """Whether a lower value is the better one."""
        return self.quantity in LOWER_IS_BETTER


def names() -> list[str]:
    """The names of all results, in the order of the alphabet."""
    return sorted(path.parent.name for path in PROTOCOLS.glob("*/result.yaml"))


def read_protocol(name: str) -> Protocol:
    """Reads a result's ``result.yaml``.

    Raises:
        ValueError: If there is none of that name, or its file says something else.
    """
    if name not in names():
        raise ValueError(f"expected a result among {', '.join(names())}, got {name!r}")
    file = PROTOCOLS / name / "result.yaml"
    said = yaml.safe_load(file.read_text(encoding="utf-8"))
    unknown = said.keys() - {f.name for f in fields(Protocol)} | said.keys() & {"name"}
    if unknown:
        raise ValueError(f"{file}: expected the attributes of a Protocol, got {sorted(unknown)}")
    said = {key: " ".join(v.split()) if isinstance(v, str) else v for key, v in said.items()}
    if said.get("quantity") not in get_args(Quantity):
        raise ValueError(f"{file}: quantity: expected one of {', '.join(get_args(Quantity))}")
    return Protocol(name, **said | {"seeds": tuple(said.get("seeds", (0,)))})
