"""The state of torch's generators."""

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["check_random_state", "random_state", "seed_rank", "set_random_state"]


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Returns the state of torch's generators: the CPU's, and the device's own."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        state["mps"] = torch.mps.get_rng_state()
    return state


def set_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Restores the generators' states; the state of a device that is not in use is ignored."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
    elif device.type == "mps" and "mps" in state:
        torch.mps.set_rng_state(state["mps"])


def check_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Checks that a state read from a file can be set on these generators.

    Raises:
        ValueError: If it cannot.
    """
    if not isinstance(state, Mapping) or "cpu" not in state:
        raise ValueError("expected the states of random generators, including that of the CPU")
    for name, mine in random_state(device).items():
        value = state.get(name)
        if name != "cpu" and value is None:
            continue
        if not isinstance(value, Tensor) or value.dtype != torch.uint8:
            raise ValueError(f"expected the state of the {name} generator in bytes")
        if value.shape != mine.shape:
            raise ValueError(
                f"expected {len(mine)} bytes of the {name} generator, got {tuple(value.shape)}"
            )


def seed_rank(rank: int, device: torch.device, *, after: int = 0) -> None:
    """Gives a rank random numbers of its own, derived from the generator's initial seed.

    The first rank keeps the numbers that a single process would draw.

    Args:
        rank: The rank.
        device: The device that it trains on.
        after: The number of steps taken before, so that their random numbers are not repeated.
    """
    if not rank:
        return
    # Multiples of the 64-bit golden ratio put neighbouring seeds far apart (Steele et al., 2014).
    seed = (
        torch.default_generator.initial_seed() + (rank + (after << 20)) * 0x9E3779B97F4A7C15
    ) % 2**63
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
