"""The evidence lower bound with discrete latents summed out."""

from typing import Any

import torch
from pyro.infer import TraceEnum_ELBO, config_enumerate
from pyro.infer.traceenum_elbo import _compute_dice_elbo
from torch import Tensor
from torch.overrides import TorchFunctionMode

from pyrovae.checks import check_count
from pyrovae.declared import Declared
from pyrovae.objectives.base import Program

__all__ = ["EnumeratedELBO"]


class EnumeratedELBO(Declared, TraceEnum_ELBO):
    r"""The evidence lower bound, with each discrete latent of the guide summed over its values.

    .. math:: \sum_z q(z \mid x) \left(\log p(x, z) - \log q(z \mid x)\right)

    This is ``pyro.infer.TraceEnum_ELBO`` with two additions. It marks the guide's sites for
    enumeration, so discrete latents are treated exactly without changes to the program. And it
    never waits for the device. Latents that cannot be enumerated are drawn, as in `ELBO`.
    Networks receive the enumerated values in a new leftmost dimension.

    Kingma, Rezende, Mohamed and Welling, 2014, Semi-supervised learning with deep generative
    models, https://arxiv.org/abs/1406.5298 (equation 7).

    Args:
        num_particles: Number of draws for each datum, for latents that are drawn.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If ``num_particles`` is not positive or ``max_plate_nesting`` is negative.
    """

    def __init__(self, *, num_particles: int = 1, max_plate_nesting: int = 1) -> None:
        check_count("num_particles", num_particles)
        check_count("max_plate_nesting", max_plate_nesting, least=0)
        super().__init__(
            num_particles=num_particles,
            max_plate_nesting=max_plate_nesting,
            vectorize_particles=num_particles > 1,
            # A model without discrete latents is valid here.
            strict_enumeration_warning=False,
        )

    def differentiable_loss(
        self, model: Program, guide: Program, *args: Any, **kwargs: Any
    ) -> Tensor:
        """Returns minus the bound, summed over the batch, with its gradient."""
        traces = list(self._get_traces(model, guide, args, kwargs))
        with _MaskWithoutLooking():
            bounds = [torch.as_tensor(_compute_dice_elbo(*pair)) for pair in traces]
        return -torch.stack(bounds).sum() / self.num_particles

    def loss_and_grads(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Tensor:
        """Returns minus the bound, summed over the batch; adds to the parameters' gradients."""
        loss = self.differentiable_loss(model, guide, *args, **kwargs)
        if loss.requires_grad:
            loss.backward()
        return loss.detach()

    def _get_traces(self, model: Program, guide: Program, args: Any, kwargs: Any) -> Any:
        return super()._get_traces(model, config_enumerate(guide, "parallel"), args, kwargs)

    def __repr__(self) -> str:
        return f"EnumeratedELBO(num_particles={self.num_particles})"


class _MaskWithoutLooking(TorchFunctionMode):
    """Lets Pyro's expectation skip terms of probability zero without waiting for the device.

    Pyro checks whether there are such terms, and if so selects the others. Here the check always
    says that there are, and the selection sets these terms to zero: the sum is the same, but the
    number of terms no longer depends on the data.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.all:
            return False
        if func is Tensor.masked_select:
            values, mask = args
            return torch.where(mask, values, 0.0)
        return func(*args, **(kwargs or {}))
