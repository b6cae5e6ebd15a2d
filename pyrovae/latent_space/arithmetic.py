"""Adding and removing attributes of data in the latent space."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pyrovae.datasets import as_split
from pyrovae.latent_space.codes import AT_ONCE, Coder, Codes

__all__ = ["attribute_vector"]


def attribute_vector(model: Coder, x: Any, mask: Tensor | None) -> Codes:
    r"""The mean code of the data with an attribute, minus that of the data without.

    .. math:: v = \frac{1}{|A|} \sum_{n \in A} z_n - \frac{1}{|\bar A|} \sum_{n \notin A} z_n

    :math:`z_n` is the posterior mean of datum n. ``model.decode(z + strength * v)`` adds the
    attribute to a code; a negative strength removes it. `pyrovae.plots.attribute` draws this. The
    vector also contains everything else that the data with the attribute share (in CelebA, smiling
    faces are more often women's).

    Larsen et al., 2016, Autoencoding beyond pixels using a learned similarity metric,
    https://arxiv.org/abs/1512.09300.

    Args:
        model: The model.
        x: The data: ``(n, *data_shape)``, a split such as ``data.train``, or anything else that
            `pyrovae.datasets.as_split` reads. They are read once, in order, in batches.
        mask: Which of the data have the attribute: bool, ``(n,)``. For data with attributes, a
            column of ``data.train.attributes``, or ``data.attribute("Smiling")``.

    Returns:
        The vector, ``latent_shape``; a dict by site if there are several latents.

    Raises:
        ValueError: If there is no mask, it is not bool or its length is not that of the data, or
            either no datum or every datum has the attribute.
    """
    split = as_split(x)
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != (len(split),):
        given = (
            f"{mask.dtype} of shape {tuple(mask.shape)}"
            if isinstance(mask, Tensor)
            else f"{type(mask).__name__} (have the data attributes?)"
        )
        raise ValueError(
            f"mask: expected a bool tensor of shape ({len(split)},), one entry a datum, got {given}"
        )
    count = int(mask.sum())
    if count in (0, len(split)):
        raise ValueError(
            f"mask: expected data with the attribute and data without it, got {count} of "
            f"{len(split)} with it"
        )
    # Weights for which the weighted sum of codes is the difference of the means.
    weights = torch.where(mask, 1 / count, -1 / (len(split) - count)).cpu()
    total: dict[str, Tensor] = {}
    seen = 0
    several = False
    for batch in split.batches(AT_ONCE):
        codes = model.encode(*batch)
        several = isinstance(codes, Mapping)
        share = weights[seen : seen + len(batch[0])]
        for site, code in codes.items() if several else [("z", codes)]:
            part = torch.tensordot(share.to(code), code, dims=1)
            total[site] = total[site] + part if site in total else part
        seen += len(batch[0])
    return total if several else total["z"]
