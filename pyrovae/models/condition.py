"""How a condition reaches networks that take one tensor."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Size, Tensor

from pyrovae.latents import check_kinds
from pyrovae.likelihoods.base import Likelihood
from pyrovae.models.agreement import check_agreement
from pyrovae.posteriors.base import Posterior
from pyrovae.priors.base import Prior

__all__ = ["Join", "joins"]


class Join:
    """Puts a condition beside data or latents, in the shape that the next network declares.

    A network of vectors, ``(features,)``, gets both flattened, one behind the other. A network
    of images, ``(channels, height, width)``, gets the condition as channels behind those of the
    data: an image as it is, a vector as one constant channel for each of its numbers. So
    ``MLP(64 + 10, ...)`` and ``ConvEncoder((1 + 10, 8, 8), ...)`` both take images of 8x8 pixels
    with one of 10 classes, and neither knows.

    Args:
        shape: Shape of one datum or latent.
        condition_shape: Shape of one condition.
        declared: Shape that the network declares; that of vectors if it declares none.
        what: Whose it is, for the message.
        optional: Whether the network may take the datum alone.

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

        The two batches broadcast: particles and enumerated values have dimensions of their own.
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
    """Looks whether the parts of a model with a condition fit, and says how it joins them.

    Args:
        prior: Of the latents.
        posterior: Of data and condition.
        likelihood: Of latents and condition.
        condition_shape: Shape of one condition.
        data_alone: Whether the posterior may do without the condition.
        latents_alone: Whether the likelihood may.

    Returns:
        What puts the condition beside the data, and what puts it beside the latents.

    Raises:
        ValueError: If they do not fit, or do not say of which shape latents and data are.
    """
    if likelihood.data_shape is None or posterior.latent_shape is None:
        raise ValueError(
            "expected a likelihood that declares its data_shape and a posterior that declares "
            "its latent_shape, or the condition could not be put beside them"
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
