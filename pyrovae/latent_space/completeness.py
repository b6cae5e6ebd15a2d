"""Whether every draw from N(0, I) decodes to something like the data."""

from dataclasses import dataclass
from math import exp, log
from typing import Any

import torch
from torch import Size, Tensor

from pyrovae.latent_space.codes import AT_ONCE, Coder, check_batch, decode
from pyrovae.latent_space.neighbours import nearest_neighbours

__all__ = ["Completeness", "Recognizer", "completeness"]

REFERENCES = 1000


class Recognizer:
    r"""Says which label a datum has, or that it is unlike all real data.

    A datum is recognized under two conditions. At least a share ``confidence`` of its
    ``neighbours`` nearest real data have the same label (the class probability of a
    nearest-neighbour classifier). And the nearest of them is no farther away than a share
    ``within`` of the real data are from their own nearest neighbour. The second condition is
    needed because a classifier can also be confident far from all data.

    Args:
        x: Real data, ``(n, *data_shape)``.
        labels: Their labels, non-negative integers ``(n,)``.
        neighbours: Number of nearest real data that are used.
        confidence: The share of these that must agree, above one half.
        within: Quantile of the distances between real data up to which a datum counts as near. It
            is computed over the first 1000 real data.

    Raises:
        ValueError: If the labels do not fit the data, there are too few data, or a share is out of
            range.
    """

    def __init__(
        self,
        x: Tensor,
        labels: Tensor,
        *,
        neighbours: int = 10,
        confidence: float = 0.9,
        within: float = 0.95,
    ) -> None:
        check_batch("x", x)
        if labels.shape != (len(x),) or labels.is_floating_point() or int(labels.min()) < 0:
            raise ValueError(
                f"labels: expected {len(x)} integers that are not negative, "
                f"got {labels.dtype} of shape {tuple(labels.shape)}"
            )
        if not 1 <= neighbours < len(x):
            raise ValueError(
                f"neighbours: expected from 1 to less than the number of data, {len(x)}, "
                f"got {neighbours}"
            )
        if not 0.5 < confidence <= 1:
            raise ValueError(f"confidence: expected above 0.5 and up to 1, got {confidence}")
        if not 0 < within <= 1:
            raise ValueError(f"within: expected above 0 and up to 1, got {within}")
        self.x, self.labels = x, labels.cpu().long()
        self.neighbours, self.confidence = neighbours, confidence
        # k=2, since the nearest neighbour is the datum itself.
        among = nearest_neighbours(x[:REFERENCES], x, k=2).distances[:, 1]
        self.radius = float(among.quantile(within))

    def __call__(self, x: Tensor) -> Tensor:
        """Recognizes data.

        Args:
            x: The data, ``(n, *data_shape)``.

        Returns:
            The labels, ``(n,)``; -1 where a datum is not recognized.
        """
        found = nearest_neighbours(x, self.x, k=self.neighbours)
        votes = self.labels[found.positions]
        label = votes.mode(dim=1).values
        share = (votes == label.unsqueeze(1)).double().mean(1)
        near = found.distances[:, 0] <= self.radius
        return torch.where((share >= self.confidence - 1e-9) & near, label, -1)


@dataclass(frozen=True)
class Completeness:
    """What draws from N(0, I) decode to.

    Attributes:
        share: The share of the decoded data that are recognized.
        by_label: The shares recognized as each label; they add up to ``share``.
    """

    share: float
    by_label: dict[int, float]

    @property
    def effective_labels(self) -> float:
        """The effective number of labels: exp of the entropy of recognized data's labels.

        It is L if L labels occur equally often, and 0 if nothing is recognized.
        """
        shares = [value / self.share for value in self.by_label.values() if value]
        return exp(-sum(p * log(p) for p in shares)) if shares else 0.0


def completeness(
    model: Coder,
    recognizer: Recognizer,
    *,
    latent_shape: tuple[int, ...] | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> Completeness:
    """How much of what draws from N(0, I) decode to looks like real data.

    An autoencoder's codes lie wherever training left them, so most draws fall between or outside
    them, whereas a regularized model learns to decode all draws. The best that can be reached is
    the share of held-out real data that the recognizer accepts, ``(recognizer(x) >=
    0).float().mean()``.

    Args:
        model: The model, with one latent over real vectors. Its own prior is not used.
        recognizer: A recognizer for the real data.
        latent_shape: Shape of one latent, for a model that does not declare it.
        samples: Number of draws.
        seed: Seed of the draws, so that models are compared on the same ones.

    Returns:
        The shares, with one entry by label for each label of the recognizer.

    Raises:
        ValueError: If the latent's shape is not known, or ``samples`` is not positive.
    """
    shape: Any = getattr(model, "latent_shape", None) if latent_shape is None else latent_shape
    if shape is None:
        raise ValueError("latent_shape: expected a model with one latent, whose shape is known")
    if samples < 1:
        raise ValueError(f"samples: expected at least 1, got {samples}")
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(samples, *Size(shape), generator=generator)
    labels = torch.cat([recognizer(decode(model, part)) for part in z.split(AT_ONCE)])
    return Completeness(
        share=float((labels >= 0).double().mean()),
        by_label={
            label: float((labels == label).double().mean())
            for label in recognizer.labels.unique().tolist()
        },
    )
