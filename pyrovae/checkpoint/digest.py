"""A short name for weights, so that what was computed from them can say so."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["digest"]


def digest(state: Mapping[str, Tensor]) -> str:
    """Names weights: 16 hexadecimal digits of the SHA-256 of names, shapes and values.

    Args:
        state: The weights by name, as ``state_dict`` gives them. Their order does not count.
    """
    found = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()[:16]
