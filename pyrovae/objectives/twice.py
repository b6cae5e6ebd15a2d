"""Second derivatives through programs."""

from contextlib import AbstractContextManager

from torch.nn.attention import SDPBackend, sdpa_kernel

__all__ = ["twice_differentiable"]


def twice_differentiable() -> AbstractContextManager[None]:
    """Returns a context where attention has a second derivative, which fast kernels lack."""
    block: AbstractContextManager[None] = sdpa_kernel(SDPBackend.MATH)
    return block
