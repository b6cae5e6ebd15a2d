"""What posteriors that are made of several posteriors share."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution

from pyrovae.latents import check_kinds
from pyrovae.posteriors.base import Posterior

__all__ = ["ExpertsPosterior", "Views"]

#: A datum that all experts read, or what each of them reads, None where that is missing.
Views = Tensor | Sequence[Tensor | None]


class ExpertsPosterior(Posterior):
    """A posterior made of one for each modality, any of which may be missing.

    It reads a tuple, a tensor for each expert, or None where a modality is missing for a whole
    batch; and beside that a mask, where one is missing for some data alone. A single tensor is read
    by all experts.

    Args:
        experts: The posteriors, in the order of the modalities.

    Raises:
        ValueError: If there is none, or they are over latents of different shapes or kinds.
    """

    def __init__(self, experts: Sequence[Posterior]) -> None:
        super().__init__()
        if not experts:
            raise ValueError("experts: expected at least one posterior, got none")
        first = experts[0]
        for expert in experts:
            names = f"{type(expert).__name__} beside {type(first).__name__}"
            if expert.latent_shape != first.latent_shape:
                raise ValueError(
                    f"experts: expected latents of one shape, got {expert.latent_shape} and "
                    f"{first.latent_shape} ({names})"
                )
            check_kinds(names, expert.latent_kind, first.latent_kind)
            if not expert.density_everywhere:
                raise ValueError(
                    f"experts: expected posteriors that know the density of any latent, which "
                    f"{type(expert).__name__} does not"
                )
        self.experts = nn.ModuleList(experts)
        self.latent_shape, self.latent_kind = first.latent_shape, first.latent_kind
        shapes = {expert.data_shape for expert in experts}
        self.data_shape = shapes.pop() if len(shapes) == 1 else None

    def read(self, x: Views, present: Tensor | None) -> tuple[list[Any], Tensor]:
        """The distribution of each expert, and which of them are there.

        Args:
            x: What they read.
            present: Which modalities of each datum are there, bool ``(*batch, M)``; all, if left
                out.

        Returns:
            The distributions, None where a modality is missing altogether, and bool ``(*batch, M)``
            or ``(M,)``.

        Raises:
            ValueError: If there are other modalities than experts, or none at all.
        """
        views = [x] * len(self.experts) if isinstance(x, Tensor) else list(x)
        if len(views) != len(self.experts) or all(view is None for view in views):
            given = sum(view is not None for view in views)
            raise ValueError(
                f"expected what {len(self.experts)} experts read, at least one of them, got "
                f"{given} tensors in {len(views)} places"
            )
        found = [
            None if view is None else expert(view)
            for expert, view in zip(self.experts, views, strict=True)
        ]
        device = next(view.device for view in views if view is not None)
        there = torch.tensor([view is not None for view in views], device=device)
        return found, there if present is None else there & present

    @staticmethod
    def known(found: Sequence[Distribution | None]) -> Any:
        """One of the distributions that are there."""
        return next(p for p in found if p is not None)

    @classmethod
    def network_shape(cls, latent_features: int, **options: Any) -> Size:
        """It has no network of its own, but those of its experts."""
        raise ValueError(f"{cls.__name__}: it is made of other posteriors: make it in Python")
