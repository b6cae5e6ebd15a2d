"""Programs whose gradients are differentiated again."""

from contextlib import AbstractContextManager

from torch.nn.attention import SDPBackend, sdpa_kernel

__all__ = ["twice_differentiable"]


def twice_differentiable() -> AbstractContextManager[None]:
    """A block in which attention has a second derivative, which torch's fast kernels lack."""
    block: AbstractContextManager[None] = sdpa_kernel(SDPBackend.MATH)
    return block
