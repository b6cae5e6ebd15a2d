"""What queries read, and what they give of a program's sites."""

from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from pyrovae.datasets.tensors import as_tensor
from pyrovae.datasets.values import check_finite
from pyrovae.handlers import is_subsample, mean_or_draw

__all__ = ["latents_of", "length_of", "one_or_all", "read_given", "value_of"]


def read_given(value: Any, name: str) -> Tensor:
    """What a query is given beside the data: labels, conditions, latents.

    Raises:
        ValueError: If it holds no numbers, or some that are not finite.
    """
    if isinstance(value, list | tuple):
        try:
            value = torch.tensor(value)
        except (TypeError, ValueError, RuntimeError):
            pass  # described below
    tensor = as_tensor(value, name=name)
    if tensor.is_floating_point() and tensor.numel():
        try:
            check_finite(tensor)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return tensor


def one_or_all(found: dict[str, Any]) -> Any:
    """What is found of each data site; of one alone, not in a dict."""
    return next(iter(found.values())) if len(found) == 1 else found


def value_of(site: Any, draw: bool) -> Tensor:
    """A draw of a data site, or its mean, for which a draw stands in where there is none."""
    if draw:
        return site["value"]
    return mean_or_draw(site["name"], site["fn"], site["value"], stacklevel=5)


def length_of(latents: dict[str, Tensor]) -> int:
    """How many data latents are of."""
    return len(next(iter(latents.values())))


def latents_of(trace: poutine.Trace) -> list[str]:
    """The latents of a model that was run forward, those that were given included."""
    return [
        name
        for name, site in trace.nodes.items()
        if site["type"] == "sample"
        and not is_subsample(site)
        and not site["infer"].get("was_observed")
    ]
