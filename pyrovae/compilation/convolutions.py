"""Convolutions in the forms that are fast on the CPU, for compiled programs."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.utils._python_dispatch import _disable_current_modes

from pyrovae.compilation.fastest import fastest

__all__ = ["CONVOLUTIONS"]

aten = torch.ops.aten

# Output channels up to which a convolution may be one product and a sum of shifted images: oneDNN
# calculates eight channels at once, whether there are as many or not.
FEW = 4

Ints = Sequence[int]


def _for_one_dnn(x: Tensor) -> bool:
    """Whether oneDNN convolves these images or volumes."""
    plain = x.dtype == torch.float32 and x.device.type == "cpu" and x.dim() in (4, 5)
    return plain and torch.backends.mkldnn.is_available() and x.numel() > 0


def _channels_first(x: Tensor) -> bool:
    return not x.movedim(1, -1).is_contiguous()


def _channels_last(x: Tensor) -> Tensor:
    return x.movedim(1, -1).contiguous().movedim(-1, 1)


def _convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Ints, padding: Ints, *rest: Any
) -> Any:
    if not _for_one_dnn(x):
        return NotImplemented
    if _channels_first(x):
        # What follows may look at the result in the order that it was traced with.
        y = aten.convolution(_channels_last(x), weight, bias, stride, padding, *rest)
        return y.contiguous()
    if _few(x, weight, stride, padding, *rest) and _by_products_is_faster(
        "convolution",
        partial(_by_products, padding=padding),
        lambda x, weight: aten.convolution(x, weight, None, stride, padding, *rest),
        x,
        weight,
    ):
        y = _by_products(x, weight, padding=padding)
        return y if bias is None else y + bias.view(-1, *(1 for _ in padding))
    return NotImplemented


def _backward(
    above: Tensor,
    x: Tensor,
    weight: Tensor,
    bias_sizes: Ints | None,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    transposed: bool,
    output_padding: Ints,
    groups: int,
    wanted: Sequence[bool],
) -> Any:
    """The gradients of input, weight and bias, of those that are wanted."""
    if not _for_one_dnn(x):
        return NotImplemented
    rest = (dilation, transposed, output_padding, groups)
    if wanted[2] or _channels_first(x) or _channels_first(above):
        # With the bias oneDNN takes up to twice as long, on channels-last images.
        of_bias = above.sum([0, *range(2, above.dim())]) if wanted[2] else None
        last = _channels_last(above), _channels_last(x)
        of_x, of_weight, _ = aten.convolution_backward(
            *last, weight, None, stride, padding, *rest, [*wanted[:2], False]
        )
        if wanted[0] and _channels_first(x):
            of_x = of_x.contiguous()
        return of_x, None if of_weight is None else of_weight.contiguous(), of_bias
    if not (wanted[1] and _few(x, weight, stride, padding, *rest)):
        return NotImplemented

    def by_one_dnn(above: Tensor, x: Tensor) -> Tensor:
        return aten.convolution_backward(
            above, x, weight_like, None, stride, padding, *rest, [False, True, False]
        )[1]

    kernel = weight.shape[2:]
    by_products = partial(_weight_by_products, kernel=kernel, padding=padding)
    with _disable_current_modes():
        weight_like = _ones(weight)
    case = f"gradient of weights {tuple(kernel)}"
    if not _by_products_is_faster(case, by_products, by_one_dnn, above, x):
        return NotImplemented
    of_x = None
    if wanted[0]:
        of_x = aten.convolution_backward(
            above, x, weight, None, stride, padding, *rest, [True, False, False]
        )[0]
    return of_x, by_products(above, x), None


def _few(
    x: Tensor,
    weight: Tensor,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    transposed: bool,
    output_padding: Ints,
    groups: int,
) -> bool:
    """Whether it is a convolution of stride 1 to few channels."""
    plain = not transposed and groups == 1 and {*stride, *dilation} == {1}
    within = all(p < k for p, k in zip(padding, weight.shape[2:], strict=True))
    return plain and within and weight.shape[0] <= FEW < x.shape[1]


def _by_products(x: Tensor, weight: Tensor, *, padding: Ints) -> Tensor:
    r"""A convolution to few channels, as one product and a sum of shifted images.

    :math:`y_o(i) = \sum_k P_{ok}(i + k - p)` with :math:`P = W X`, where :math:`X` holds the
    channels of each pixel and :math:`W` those of each output and each place of the kernel.
    """
    n, channels, *size = x.shape
    n_out, _, *kernel = weight.shape
    rows = weight.movedim(1, -1).reshape(-1, channels)
    planes = torch.mm(rows, x.movedim(1, -1).reshape(-1, channels).t())
    planes = pad(planes.view(n_out, *kernel, n, *size), [p for p in padding[::-1] for _ in "lr"])
    kept = [s + 2 * p - k + 1 for s, p, k in zip(size, padding, kernel, strict=True)]
    shifted = []
    for k in product(*map(range, kernel)):
        place: Any = (slice(None), *k, slice(None), *map(_from, k, kept))
        shifted.append(planes[place])
    return sum(shifted[1:], shifted[0]).movedim(1, 0)


def _weight_by_products(above: Tensor, x: Tensor, *, kernel: Ints, padding: Ints) -> Tensor:
    """The gradient of its weight: the product of the shifted gradients above and the pixels."""
    channels, n_out, size = x.shape[1], above.shape[1], x.shape[2:]
    around = [k - 1 - p for k, p in zip(kernel, padding, strict=True)]
    planes = pad(above.movedim(1, 0), [a for a in around[::-1] for _ in "lr"])
    shifted = [
        planes[(slice(None), slice(None), *map(_from, k, size))]
        for k in product(*(range(k - 1, -1, -1) for k in kernel))
    ]
    columns = x.movedim(1, -1).reshape(-1, channels)
    found = torch.mm(torch.stack(shifted, 1).view(-1, columns.shape[0]), columns)
    return found.view(n_out, *kernel, channels).movedim(-1, 1)


def _from(start: int, size: int) -> slice:
    return slice(start, start + size)


def _by_products_is_faster(
    case: str,
    by_products: Callable[[Tensor, Tensor], Tensor],
    by_one_dnn: Callable[[Tensor, Tensor], Tensor],
    a: Tensor,
    b: Tensor,
) -> bool:
    """Whether it is, on this machine, for these sizes."""
    with _disable_current_modes(), torch.no_grad():  # the program is only being traced
        given = _ones(a), _ones(b)
        ways = {"oneDNN": partial(by_one_dnn, *given), "products": partial(by_products, *given)}
        case = f"{case} {tuple(a.shape)} {tuple(b.shape)}"
        return fastest(case, ways, otherwise="oneDNN") == "products"


def _ones(like: Tensor) -> Tensor:
    return torch.empty_strided(like.shape, like.stride()).fill_(1.0)


# For ``make_fx``; an operation whose function gives NotImplemented is left as it is.
CONVOLUTIONS: dict[Any, Callable[..., Any]] = {
    aten.convolution.default: _convolution,
    aten.convolution_backward.default: _backward,
}
