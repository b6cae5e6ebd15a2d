"""Inputs of queries, and the values that they return from a program's sites."""

from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from pyrovae.datasets.tensors import as_tensor
from pyrovae.datasets.values import check_finite
from pyrovae.handlers import is_subsample, mean_or_draw

__all__ = ["latents_of", "length_of", "one_or_all", "read_given", "value_of"]


def read_given(value: Any, name: str) -> Tensor:
    """Reads a query's argument beside the data: labels, conditions or latents.

    Raises:
        ValueError: If it does not contain numbers, or not all of them are finite.
    """
    if isinstance(value, list | tuple):
        try:
            value = torch.tensor(value)
        except (TypeError, ValueError, RuntimeError):
            pass  # as_tensor raises the error
    tensor = as_tensor(value, name=name)
    if tensor.is_floating_point() and tensor.numel():
        try:
            check_finite(tensor)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return tensor


def one_or_all(found: dict[str, Any]) -> Any:
    """Returns the only value of a dict, or the dict if it has several."""
    return next(iter(found.values())) if len(found) == 1 else found


def value_of(site: Any, draw: bool) -> Tensor:
    """Returns a draw of a data site, or its mean; a draw if it has no mean."""
    if draw:
        return site["value"]
    return mean_or_draw(site["name"], site["fn"], site["value"], stacklevel=5)


def length_of(latents: dict[str, Tensor]) -> int:
    """Number of data that the latents belong to."""
    return len(next(iter(latents.values())))


def latents_of(trace: poutine.Trace) -> list[str]:
    """Names of the latents of a model that was run forward, including those that were given."""
    return [
        name
        for name, site in trace.nodes.items()
        if site["type"] == "sample"
        and not is_subsample(site)
        and not site["infer"].get("was_observed")
    ]
