"""What may stand in the places of a broken file, and where these places are."""

import torch

ODD = [None, -1, 2.5, "text", [], {}, float("nan"), torch.zeros(3), [1, 2], {"a": 1}, True, 10**12]


def places(value, path=()):
    """Where each value is, at every level."""
    items = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))
