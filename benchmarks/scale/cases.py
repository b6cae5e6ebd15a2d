"""What is measured."""

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Case", "cases"]


@dataclass(frozen=True)
class Case:
    """One measurement.

    Attributes:
        kind: What it is to show: "strong", "weak", "group", "checkpoint", "data" or "datum".
        processes: How many train together.
        batch_size: Data in a step, of all of them.
        hidden: The widths of the networks.
        steps: Steps measured.
        compiled: Whether the step is compiled.
        group: Whether a process alone makes itself a group of one.
        checkpoint: Whether a checkpoint is written after each step.
        megabytes: The size of the training data, as 32-bit floats; of memory alone.
        side: Of images of 3 channels that are evaluated; of memory alone.
    """

    kind: str
    processes: int = 1
    batch_size: int = 512
    hidden: tuple[int, ...] = (400,)
    steps: int = 100
    compiled: bool = False
    group: bool = False
    checkpoint: bool = False
    megabytes: int = 0
    side: int = 0

    @property
    def is_of_memory(self) -> bool:
        """Whether memory is measured, and not time."""
        return bool(self.megabytes or self.side)

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {"hidden": list(self.hidden)}

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Case":
        """The case whose `plain` it was."""
        return cls(**values | {"hidden": tuple(values["hidden"])})


def cases(processes: list[int], *, batch_size: int, steps: int, hidden: list[int]) -> list[Case]:
    """All that is measured, the quick ones first."""
    given: dict[str, Any] = {"steps": steps, "hidden": tuple(hidden)}
    more = [n for n in processes if n > 1]
    return [
        Case("strong", batch_size=batch_size, **given),
        *(Case("strong", processes=n, batch_size=batch_size, **given) for n in more),
        *(Case("weak", processes=n, batch_size=n * batch_size, **given) for n in more),
        *(Case("group", batch_size=batch_size, group=group, **given) for group in (False, True)),
        *(
            Case("group", batch_size=batch_size, group=group, compiled=True, **given)
            for group in (False, True)
        ),
        Case("checkpoint", batch_size=batch_size, checkpoint=True, **given),
        *(Case("datum", side=side, steps=steps) for side in (32, 64, 96)),
        *(Case("data", megabytes=m, steps=steps) for m in (256, 768, 1536)),
    ]
