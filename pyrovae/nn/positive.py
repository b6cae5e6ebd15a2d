"""Maps real outputs of a network to positive numbers."""

from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["positive"]


def positive(raw: Tensor) -> Tensor:
    r"""Maps real numbers to positive ones, :math:`\log(1 + e^{r}) + 10^{-6}`.

    Unlike the exponential, it grows linearly, so one large step of the optimizer does not make a
    scale overflow. The offset keeps a scale from becoming zero in float32.
    """
    return softplus(raw) + 1e-6
