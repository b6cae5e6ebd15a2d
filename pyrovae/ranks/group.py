"""The processes that run one program together: who they are, and what they tell one another."""

import atexit
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import torch
import torch.distributed as dist

__all__ = [
    "ALONE",
    "LAUNCHED",
    "Ranks",
    "alone",
    "close",
    "joined",
    "launched",
    "present",
    "store",
]

T = TypeVar("T")

#: What a launcher (torchrun, or a script for Slurm) sets in the environment of each process.
LAUNCHED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


class Ranks:
    """This process among those that run the same program; alone, it is the first of one.

    What ranks tell one another goes between their hosts, and no accelerator waits for it. Every
    rank has to call the same methods in the same order.

    Args:
        rank: The number of this process, from 0 on.
        size: The number of processes.
        host: Their group for what is said on the CPU.

    Attributes:
        rank: The number of this process.
        size: The number of processes.
    """

    def __init__(self, rank: int = 0, size: int = 1, host: Any = None) -> None:
        self.rank, self.size = rank, size
        self._host = host

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes files and shows how far things are."""
        return self.rank == 0

    def exchange(self, numbers: Sequence[float]) -> list[tuple[float, ...]]:
        """Gives each rank's numbers, in the order of the ranks."""
        if self.size == 1:
            return [tuple(numbers)]
        table = torch.zeros(self.size, len(numbers), dtype=torch.float64)
        table[self.rank] = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(table, group=self._host)
        return [tuple(row) for row in table.tolist()]

    def all(self, yes: bool) -> bool:
        """Whether all ranks say yes."""
        return all(bool(vote) for (vote,) in self.exchange([yes]))

    def gather(self, value: T) -> list[T]:
        """Gives each rank's value, in the order of the ranks."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value, group=self._host)
        return values

    def same(self, value: T) -> T:
        """Gives all ranks the value of the first."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0, group=self._host)
        return values[0]

    def take_over(self, tensors: Sequence[torch.Tensor]) -> None:
        """Fills tensors with those of the first rank."""
        for tensor in tensors if self.size > 1 else ():
            dist.broadcast(tensor.data, src=0)

    def __repr__(self) -> str:
        return f"Ranks(rank={self.rank}, size={self.size})"


ALONE = Ranks()


class _Joined:
    """The group that this process has joined, if it has, and whether it stands aside."""

    def __init__(self) -> None:
        self.ranks: Ranks | None = None
        self.world: Any = None
        self.solo: Any = None
        self.store: Any = None
        self.aside = 0
        self.parted: str | None = None


_joined = _Joined()


def launched() -> bool:
    """Whether a launcher has started this process as one of several."""
    named = all(name in os.environ for name in LAUNCHED)
    return named and os.environ["WORLD_SIZE"].isdigit() and int(os.environ["WORLD_SIZE"]) > 1


def present() -> Ranks:
    """The ranks that this process is one of; it joins them when it is asked first.

    Those are the processes that ``torchrun`` has started, or those of torch's default process
    group where the program has made one itself. Any other process is alone, and so is one in a
    block of `alone`.

    Raises:
        RuntimeError: If one of them has failed before.
    """
    if _joined.aside or not dist.is_available():
        return ALONE
    if _joined.parted is not None:
        raise RuntimeError(f"the ranks have parted: {_joined.parted}")
    if not dist.is_initialized():
        if not launched():
            return ALONE
        _initialize()
    if dist.get_world_size() == 1:
        return ALONE
    if _joined.ranks is None or _joined.world is not dist.group.WORLD:
        _joined.world = dist.group.WORLD
        _joined.store = dist.distributed_c10d._get_default_store()
        _joined.solo = dist.new_group([dist.get_rank()], use_local_synchronization=True)
        host = dist.new_group(backend="gloo")
        _joined.ranks = Ranks(dist.get_rank(), dist.get_world_size(), host)
        atexit.register(close)
    return _joined.ranks


@contextmanager
def alone() -> Iterator[None]:
    """Lets this process do something by itself that ranks otherwise do together.

    ``with alone(): evaluate(model, data)`` on one rank does not wait for the others.
    """
    _joined.aside += 1
    try:
        yield
    finally:
        _joined.aside -= 1


def store() -> Any:
    """Where ranks leave words for one another, also once the group has parted; None if alone."""
    return _joined.store


def joined() -> tuple[Any, Any]:
    """The process group of all ranks, and that of this one."""
    return _joined.world, _joined.solo


def close(reason: str | None = None) -> None:
    """Leaves the group: who waits for this process finds that it has gone.

    Args:
        reason: Why nothing can be done together any more, if something has gone wrong.
    """
    from pyrovae.ranks.reduce import forget

    if _joined.ranks is None:
        return
    forget()
    # Whatever still holds the group would keep its connections open.
    _joined.ranks._host = None
    _joined.ranks = _joined.world = _joined.solo = None
    _joined.parted = reason
    with suppress(Exception):  # the others may have gone
        dist.destroy_process_group()


def _initialize() -> None:
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        backend = "cpu:gloo,cuda:nccl"
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    if attempt == "0" or os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        dist.init_process_group(backend)
        return
    # Started again by torchrun, processes meet at the agent's store, which still has the addresses
    # of those before.
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    words = dist.PrefixStore(f"attempt {attempt}", dist.TCPStore(address, port, is_master=False))
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    dist.init_process_group(backend, store=words, rank=rank, world_size=size)
