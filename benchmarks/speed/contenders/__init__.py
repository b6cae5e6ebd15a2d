"""Who is measured. Each module has ``run(task, turn, variant)``, a loop that waits for its turns.

A module imports its own library and nothing of the others', so that a process holds no more than
its contender needs.
"""

from dataclasses import dataclass

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
    """

    label: str
    module: str
    variant: str
    settings: str
    peer: bool = False


CONTENDERS = {
    "pyro-example": Contender("Pyro, its example's loop", "pyro_svi", "example", "a"),
    "pyro-svi": Contender("Pyro SVI, data in memory", "pyro_svi", "tensors", "abcd"),
    "pythae": Contender("pythae", "pythae_trainer", "", "abce", peer=True),
    "torch-eager": Contender("PyTorch by hand", "by_hand", "eager", "abce"),
    "torch-compiled": Contender("PyTorch by hand, compiled", "by_hand", "compiled", "abcde"),
    "numpyro-step": Contender("NumPyro, jit of a step", "numpyro_svi", "step", "abc", peer=True),
    "numpyro-loop": Contender(
        "NumPyro, jit of an epoch", "numpyro_svi", "loop", "abcde", peer=True
    ),
    "pyrovae-eager": Contender("pyrovae, eager", "pyrovae_fit", "eager", "abcde"),
    "pyrovae-compiled": Contender("pyrovae, compiled", "pyrovae_fit", "compiled", "abcde"),
    "pyrovae-step": Contender("pyrovae, CompiledSVI.step", "pyrovae_fit", "step", "abc"),
    "pyrovae-bf16": Contender("pyrovae, compiled, bf16", "pyrovae_fit", "bf16", "abcd"),
    "floor": Contender("matrix products alone", "floor", "", "ab"),
}
