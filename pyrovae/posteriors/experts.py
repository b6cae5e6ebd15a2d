"""The base class of posteriors that combine several posteriors."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution

from pyrovae.latents import check_kinds
from pyrovae.posteriors.base import Posterior

__all__ = ["ExpertsPosterior", "Views"]

#: One datum for all experts, or one tensor for each expert, None where its modality is missing.
Views = Tensor | Sequence[Tensor | None]


class ExpertsPosterior(Posterior):
    """A posterior that combines one posterior for each modality, any of which may be missing.

    The input is a tuple with one entry for each expert: a tensor, or None if the modality is
    missing for the whole batch. A mask can be given as well, for modalities that are missing for
    some data only. A single tensor goes to all experts.

    Args:
        experts: The posteriors, in the order of the modalities.

    Raises:
        ValueError: If there are none, or they differ in the shape or the kind of their latents.
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
                    "experts: expected posteriors that can evaluate the density of any latent, "
                    f"which {type(expert).__name__} cannot"
                )
        self.experts = nn.ModuleList(experts)
        self.latent_shape, self.latent_kind = first.latent_shape, first.latent_kind
        shapes = {expert.data_shape for expert in experts}
        self.data_shape = shapes.pop() if len(shapes) == 1 else None

    def read(self, x: Views, present: Tensor | None) -> tuple[list[Any], Tensor]:
        """Returns the distribution of each expert, and a mask of the modalities that are present.

        Args:
            x: The experts' inputs.
            present: Which modalities of each datum are present, bool ``(*batch, M)``; None means
                all.

        Returns:
            The distributions, None where a modality is missing for the whole batch, and a mask,
            bool ``(*batch, M)`` or ``(M,)``.

        Raises:
            ValueError: If the number of inputs is not the number of experts, or all are None.
        """
        views = [x] * len(self.experts) if isinstance(x, Tensor) else list(x)
        if len(views) != len(self.experts) or all(view is None for view in views):
            given = sum(view is not None for view in views)
            raise ValueError(
                f"x: expected {len(self.experts)} entries, one for each expert and at least one "
                f"of them a tensor, got {len(views)} entries, {given} of them tensors"
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
        """Returns the first distribution that is not None."""
        return next(p for p in found if p is not None)

    @classmethod
    def network_shape(cls, latent_features: int, **options: Any) -> Size:
        """Raises an error: it has no network, only those of its experts."""
        raise ValueError(
            f"{cls.__name__}: it is made of other posteriors, so it cannot be built by name; "
            "construct it in Python"
        )
