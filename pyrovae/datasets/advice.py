"""What to write in place of a value that is no data."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from torch import Tensor

__all__ = ["describe_value", "of_several_shapes"]

KEYS_NAMED = 5


def describe_value(value: Any) -> str:
    """Says of what type a value is and, where there is a way, how to make a tensor of it.

    Args:
        value: Anything but a dense tensor or an array of real numbers.
    """
    kind = type(value).__name__
    advice = _advice(value)
    return kind if advice is None else f"{kind}: {advice}"


def _advice(value: Any) -> str | None:
    if isinstance(value, str | os.PathLike):
        return f"pyrovae.load_data({os.fspath(value)!r}) reads data by name or path"
    if isinstance(value, Mapping):
        keys = ", ".join(repr(key) for key in list(value)[:KEYS_NAMED]) or "none"
        first = next(iter(value), "x")
        return (
            f"give the tensors of its keys ({keys}) by themselves, such as data[{first!r}], or "
            f"those of each item by pyrovae.datasets.keyed(data, {first!r})"
        )
    if hasattr(value, "to_numpy"):  # tables of pandas, polars and the like
        if type(value).__module__.startswith("pandas"):
            return "pyrovae.load_data(data) reads its columns, whatever they hold"
        return 'use data.to_numpy(dtype="float32")'
    if hasattr(value, "toarray"):  # SciPy's sparse matrices
        return "use data.toarray()"
    if hasattr(value, "getbands"):  # PIL's images
        return (
            "use torchvision.transforms.ToTensor() as the data set's transform, or "
            "pyrovae.load_data on a folder of images"
        )
    if isinstance(value, list | tuple):
        return _advice_on_list(value)
    if isinstance(value, Iterator):
        return "an iterator is gone after one pass; use torch.stack(list(data))"
    if hasattr(value, "__array__"):
        return "use numpy.asarray(data)"
    if hasattr(value, "__getitem__") and hasattr(value, "__len__"):
        return "give a subclass of torch.utils.data.Dataset, or torch.tensor(list(data))"
    return None


def _advice_on_list(values: list[Any] | tuple[Any, ...]) -> str | None:
    if not values:
        return "it is empty"
    if any(isinstance(value, str) for value in values):
        return "use numbers in place of text, numpy.unique(data, return_inverse=True)[1]"
    lengths = {len(v) if isinstance(v, list | tuple) else 0 for v in values}
    if len(lengths) > 1:
        return (
            f"its rows have several lengths, {min(lengths)} to {max(lengths)}; make them equally "
            "long, such as with torch.nn.utils.rnn.pad_sequence"
        )
    if all(isinstance(v, int | float | list | tuple) for v in values):
        return "use torch.tensor(data)"
    return None


def of_several_shapes(parts: list[Tensor | np.ndarray[Any, Any]]) -> str:
    """Says of which shapes arrays are, those that occur first alone."""
    shapes = list(dict.fromkeys(str(tuple(part.shape)) for part in parts))
    return ", ".join(shapes[:KEYS_NAMED]) + (", ..." if len(shapes) > KEYS_NAMED else "")
