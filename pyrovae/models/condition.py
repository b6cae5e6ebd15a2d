"""Concatenation of a condition with data or latents, for networks that take one tensor."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Size, Tensor

from pyrovae.checks import check_agreement
from pyrovae.latents import check_kinds
from pyrovae.likelihoods.base import Likelihood
from pyrovae.posteriors.base import Posterior
from pyrovae.priors.base import Prior

__all__ = ["Join", "joins"]


class Join:
    """Concatenates a condition with data or latents, in the shape that the network declares.

    For a network of vectors, ``(features,)``, both are flattened and concatenated. For a network
    of images, ``(channels, height, width)``, the condition is appended as channels: an image as it
    is, a vector as one constant channel for each number. So ``MLP(64 + 10, ...)`` and
    ``ConvEncoder((1 + 10, 8, 8), ...)`` both read 8x8 images with one of 10 classes, without any
    change to the networks.

    Args:
        shape: Shape of one datum or latent.
        condition_shape: Shape of one condition.
        declared: Shape that the network declares; if None, that of a vector.
        what: Whose shape it is, for the error message.
        optional: Whether the network may also read the datum without the condition.

    Raises:
        ValueError: If the network declares another shape.
    """

    def __init__(
        self,
        shape: Sequence[int],
        condition_shape: Sequence[int],
        declared: Sequence[int] | None,
        *,
        what: str,
        optional: bool = False,
    ) -> None:
        self.events = len(shape), len(condition_shape)
        vector = Size([prod(shape) + prod(condition_shape)])
        allowed = [vector]
        if len(shape) == 3 and (
            len(condition_shape) == 1 or tuple(condition_shape[1:]) == tuple(shape[1:])
        ):
            allowed.append(Size([shape[0] + condition_shape[0], *shape[1:]]))
        if optional:
            allowed.append(Size(shape))
        joined = vector if declared is None else Size(declared)
        if joined not in allowed:
            words = " or ".join(str(tuple(s)) for s in allowed)
            raise ValueError(
                f"{what}: expected one of {tuple(shape)} with a condition of "
                f"{tuple(condition_shape)}, {words}, got {tuple(joined)}"
            )
        self.alone = joined == Size(shape)
        self.image = joined[1:] if len(joined) == 3 else None

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Joins data ``(*batch, *shape)`` and conditions ``(*batch, *condition_shape)``.

        The two batches broadcast: particles and enumerated values have their own dimensions.
        """
        if self.alone:
            return x
        events, condition_events = self.events
        if self.image is None:
            x, y, events = x.flatten(-events), y.flatten(-condition_events), 1
        elif condition_events == 1:
            y = y[..., None, None].expand(*y.shape, *self.image)
        batch = torch.broadcast_shapes(x.shape[:-events], y.shape[:-events])
        parts = [part.expand(*batch, *part.shape[-events:]) for part in (x, y)]
        return torch.cat(parts, dim=-events)


def joins(
    prior: Prior | Posterior,
    posterior: Posterior,
    likelihood: Likelihood,
    condition_shape: Sequence[int],
    *,
    data_alone: bool = False,
    latents_alone: bool = False,
) -> tuple[Join, Join]:
    """Checks that the parts of a conditional model fit, and returns how to join its inputs.

    Args:
        prior: Prior over the latents.
        posterior: Posterior given data and condition.
        likelihood: Likelihood given latents and condition.
        condition_shape: Shape of one condition.
        data_alone: Whether the posterior may ignore the condition.
        latents_alone: Whether the likelihood may ignore the condition.

    Returns:
        The joins of the condition with the data and with the latents.

    Raises:
        ValueError: If they do not fit, or do not declare the shapes of latents and data.
    """
    if likelihood.data_shape is None or posterior.latent_shape is None:
        raise ValueError(
            "expected a likelihood that declares its data_shape and a posterior that declares "
            "its latent_shape, because the condition is concatenated to them"
        )
    check_agreement("latent", {"prior": prior.latent_shape, "posterior": posterior.latent_shape})
    check_kinds(
        f"{type(posterior).__name__} under {type(prior).__name__}",
        posterior.latent_kind,
        prior.latent_kind,
    )
    return (
        Join(
            likelihood.data_shape,
            condition_shape,
            posterior.data_shape,
            what="posterior's data",
            optional=data_alone,
        ),
        Join(
            posterior.latent_shape,
            condition_shape,
            likelihood.latent_shape,
            what="likelihood's latents",
            optional=latents_alone,
        ),
    )
