"""Features of data: what a network, known by its name and version, makes of them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pyrovae.checks import check_count
from pyrovae.datasets import Source, as_split
from pyrovae.nn.modes import evaluation_mode
from pyrovae.scope import isolated

__all__ = ["FeatureNetwork", "Features", "check_pair"]


@dataclass(frozen=True, eq=False)
class Features:
    """Features of N data.

    Attributes:
        values: ``(N, d)``, finite; kept in double precision on the CPU.
        network: The name and version of what made them.
    """

    values: Tensor
    network: str

    def __post_init__(self) -> None:
        if self.values.dim() != 2 or not len(self.values):
            shape = tuple(self.values.shape)
            raise ValueError(f"features: expected values of shape (N, d), got {shape}")
        if not self.values.isfinite().all():
            raise ValueError(f"features: expected finite values of {self.network}, got others")
        object.__setattr__(self, "values", self.values.detach().cpu().double())

    def __len__(self) -> int:
        return len(self.values)


class FeatureNetwork:
    """A network whose features data are compared in.

    Args:
        network: A function of a batch ``(n, *data_shape)``, such as a trained classifier without
            its last layer. What it gives is flattened to ``(n, d)``.
        name: What it is called, as it shall stand in every number: ``"LeNet of MNIST"``.
        version: Which of that name: a release, a training's date, a digest of the weights.
        batch_size: Data at a time.

    Raises:
        ValueError: If name or version are empty, or ``batch_size`` is not positive.
    """

    def __init__(
        self,
        network: Callable[[Tensor], Tensor],
        *,
        name: str,
        version: str,
        batch_size: int = 100,
    ) -> None:
        for what, value in (("name", name), ("version", version)):
            if not isinstance(value, str) or not value.strip():
                raise ValueError(
                    f"{what}: expected what shall stand in every number, got {value!r}"
                )
        check_count("batch_size", batch_size)
        self.network, self.batch_size = network, batch_size
        self.label = f"{name} {version}"

    def __call__(self, data: Source, *, seed: int = 0) -> Features:
        """Makes the features of data, or of samples.

        Args:
            data: A split, a tensor or array, a ``Dataset``, a ``DataLoader``; of what is more than
                data, such as labels, the first tensor is taken.
            seed: Of data that are binarized at each draw.

        Returns:
            The features, in the order of the data. No mode and no random state is changed.

        Raises:
            ValueError: If the network does not give a row for each datum, or not finite numbers.
        """
        split, rows = as_split(data), []
        own = self.network if isinstance(self.network, nn.Module) else nn.Identity()
        first = next(own.parameters(), torch.empty(0))
        with torch.no_grad(), isolated(first.device, seed), evaluation_mode(own):
            for x, *_ in split.batches(self.batch_size, device=first.device):
                x = x.to(first.dtype) if first.is_floating_point() else x
                found = self.network(x)
                if not isinstance(found, Tensor) or found.dim() < 2 or len(found) != len(x):
                    shape = tuple(found.shape) if isinstance(found, Tensor) else type(found)
                    raise ValueError(
                        f"{self.label}: expected features of shape ({len(x)}, d), got {shape}"
                    )
                rows.append(found.flatten(1).cpu().double())
        return Features(torch.cat(rows), self.label)


def check_pair(real: Features, generated: Features) -> None:
    """Looks whether features of two sets of data compare.

    Raises:
        ValueError: If they are of different networks, or of different sizes.
    """
    if real.network != generated.network:
        raise ValueError(
            f"expected features of the same network, got {real.network!r} and "
            f"{generated.network!r}"
        )
    if real.values.shape[1] != generated.values.shape[1]:
        sizes = f"{real.values.shape[1]} and {generated.values.shape[1]}"
        raise ValueError(f"expected the same number of features of both, got {sizes}")
