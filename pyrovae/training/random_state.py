"""The state of torch's generators."""

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["check_random_state", "random_state", "seed_rank", "set_random_state"]


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The state of torch's generators: the CPU's, and the device's own."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        state["mps"] = torch.mps.get_rng_state()
    return state


def set_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Puts the generators' state back; that of a device that is not used now is left out."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
    elif device.type == "mps" and "mps" in state:
        torch.mps.set_rng_state(state["mps"])


def check_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Looks whether a state that was read from a file is one of these generators.

    Raises:
        ValueError: If it is not.
    """
    if not isinstance(state, Mapping) or "cpu" not in state:
        raise ValueError("expected the states of generators, the CPU's among them")
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
    """Gives a rank random numbers of its own, which follow from the generator's as it is.

    The first one keeps what a process alone would have.

    Args:
        rank: The rank.
        device: Where it trains.
        after: The steps taken before, whose numbers are not to come again.
    """
    if not rank:
        return
    # Neighbouring seeds are far apart by the golden ratio of 64 bits (Steele et al., 2014).
    seed = (
        torch.default_generator.initial_seed() + (rank + (after << 20)) * 0x9E3779B97F4A7C15
    ) % 2**63
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
