"""What many GPUs are predicted to gain, from what one was measured to take."""

from typing import NamedTuple

__all__ = ["GPUS", "Links", "efficiency"]

GPUS = (8, 16, 32, 64, 128, 256, 512)


class Links(NamedTuple):
    """What connects GPUs.

    Attributes:
        inside: Bytes a second between the GPUs of a machine, in each direction.
        between: Bytes a second of each GPU to those of other machines.
        hop: Seconds of a message of some bytes from one host to the next.
        in_machine: GPUs in a machine.
    """

    #: NVLink 4 of an H100, 900 GB/s in both directions together.
    inside: float = 450e9
    #: 400 Gbit/s for each GPU: InfiniBand NDR.
    between: float = 50e9
    hop: float = 20e-6
    in_machine: int = 8


def efficiency(n: int, step: float, size: float, links: Links, *, strong: bool) -> float:
    """The calculation's part of a step on n GPUs, T(n) = C(n) + 2 (n - 1) / n * G / W + n * L.

    Args:
        n: Number of GPUs.
        step: Seconds of a step on one.
        size: Bytes of the gradients, G.
        links: What connects them.
        strong: Whether the batch is one of all, of which each calculates a share, and not one
            for each.
    """
    calculation = step / n if strong else step
    width = links.inside if n <= links.in_machine else min(links.inside, links.between)
    return calculation / (calculation + 2 * (n - 1) / n * size / width + n * links.hop)
