"""Who is measured. Each module has ``run(task, turn, variant)``, a loop that waits for its turns.

A module imports its own library and nothing of the others', so that a process holds no more than
its contender needs.
"""

from dataclasses import dataclass

from benchmarks.speed.cases import Device

__all__ = ["CONTENDERS", "Contender"]


@dataclass(frozen=True)
class Contender:
    """Where a contender's loop is.

    Attributes:
        label: What it is called in tables.
        module: The module in this package.
        variant: Passed to its ``run``.
        settings: The settings it takes part in.
        peer: Whether it needs packages of the extra ``bench``.
        warm: Whether, on the way to a target, it finds what an earlier process compiled.
        devices: Where it runs.
    """

    label: str
    module: str
    variant: str
    settings: str
    peer: bool = False
    warm: bool = False
    devices: tuple[Device, ...] = ("cpu", "cuda")


CONTENDERS = {
    "pyro-example": Contender("Pyro, its example's loop", "pyro_svi", "example", "a"),
    "pyro-svi": Contender("Pyro SVI, data in memory", "pyro_svi", "tensors", "abcdf"),
    "pythae": Contender("pythae", "pythae_trainer", "", "abcef", peer=True),
    "torch-eager": Contender("PyTorch by hand", "by_hand", "eager", "abcef"),
    "torch-compiled": Contender("PyTorch by hand, compiled", "by_hand", "compiled", "abcdef"),
    "torch-captured": Contender(
        "PyTorch by hand, one CUDA graph a step", "by_hand_cuda", "", "abcf", devices=("cuda",)
    ),
    "numpyro-step": Contender("NumPyro, jit of a step", "numpyro_svi", "step", "abcf", peer=True),
    "numpyro-loop": Contender(
        "NumPyro, jit of an epoch", "numpyro_svi", "loop", "abcdef", peer=True
    ),
    "pyrovae-eager": Contender("pyrovae, eager", "pyrovae_fit", "eager", "abcdef"),
    "pyrovae-compiled": Contender("pyrovae, compiled", "pyrovae_fit", "compiled", "abcdef"),
    "pyrovae-warm": Contender(
        "pyrovae, compiled by an earlier process", "pyrovae_fit", "compiled", "d", warm=True
    ),
    "pyrovae-step": Contender("pyrovae, CompiledSVI.step", "pyrovae_fit", "step", "abcf"),
    "pyrovae-bf16": Contender("pyrovae, compiled, bf16", "pyrovae_fit", "bf16", "abcdf"),
    "floor": Contender("matrix products alone", "floor", "", "ab", devices=("cpu",)),
    # Not a process: it is calculated, from what `benchmarks.speed.roofline` measures.
    "roofline": Contender("floor of operations and bytes", "", "", "", devices=("cuda",)),
}
