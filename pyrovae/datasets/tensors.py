"""One reader of values: whatever holds numbers becomes a dense tensor of real ones, or is refused."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyrovae.datasets.advice import describe_value

__all__ = ["as_tensor"]


def as_tensor(value: Any, *, name: str = "data") -> Tensor:
    """Gives numbers as a dense tensor of real ones.

    Args:
        value: A tensor (given itself, without its gradient), a NumPy array (copied: integers and
            booleans keep their type, all else gets torch's default one), or a number.
        name: What it is called in messages.

    Raises:
        ValueError: If it is something else, is sparse, nested or quantized, is complex, has no
            values, or hides some under a mask. What to write instead is said.
    """
    if isinstance(value, Tensor):
        return _plain(value, name)
    if isinstance(value, np.ndarray | np.generic):
        return _from_array(np.asanyarray(value), name)
    if isinstance(value, bool | int | float):
        return torch.tensor(value)
    raise ValueError(f"{name}: expected a tensor or array, got {describe_value(value)}")


def _plain(x: Tensor, name: str) -> Tensor:
    if x.is_nested:
        raise ValueError(
            f"{name}: expected data of one shape, got a nested tensor: "
            "use torch.nested.to_padded_tensor(x, 0.0)"
        )
    if x.layout != torch.strided:
        kind = str(x.layout).removeprefix("torch.")
        raise ValueError(f"{name}: expected a dense tensor, got {kind}: use x.to_dense()")
    if x.is_quantized:
        raise ValueError(f"{name}: expected numbers, got {x.dtype}: use x.dequantize()")
    if x.is_complex():
        raise ValueError(
            f"{name}: expected real numbers, got {x.dtype}: use torch.view_as_real(x), whose "
            "last axis has real and imaginary parts"
        )
    if x.is_meta:
        raise ValueError(
            f"{name}: expected values, got a tensor on the meta device, which has none"
        )
    return x.detach()


def _from_array(array: np.ndarray[Any, Any], name: str) -> Tensor:
    if isinstance(array, np.ma.MaskedArray):
        hidden = int(np.ma.count_masked(array))
        if hidden:
            raise ValueError(
                f"{name}: expected values, got a masked array with {hidden} of {array.size} "
                "masked: use a MissingDataVAE and pass (x.filled(0), ~x.mask)"
            )
        array = array.data
    kind = array.dtype.kind
    if kind not in "biuf":
        raise ValueError(
            f"{name}: expected an array of real numbers, got dtype {array.dtype}{_advice(array)}"
        )
    if kind == "f":
        default = torch.get_default_dtype()
        wanted = np.dtype(np.float64 if default == torch.float64 else np.float32)
    elif kind == "u" and array.dtype.itemsize > 1:  # torch calculates little with these
        wanted = np.dtype(np.int64)
    else:
        wanted = array.dtype.newbyteorder("=")
    return torch.from_numpy(np.array(array, dtype=wanted, subok=False, order="C"))


def _advice(array: np.ndarray[Any, Any]) -> str:
    kind = array.dtype.kind
    if kind == "O":
        return ': use x.astype("float32") if all of its objects are numbers'
    if kind == "c":
        return ": use numpy.stack([x.real, x.imag], -1)"
    if kind in "US":
        return ": use numpy.unique(x, return_inverse=True)[1] for numbers in place of text"
    if kind == "V":
        return ": use numpy.lib.recfunctions.structured_to_unstructured(x)"
    return ': use x.astype("float32")'
