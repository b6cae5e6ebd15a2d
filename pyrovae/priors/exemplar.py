"""Exemplar prior: a mixture around the encodings of training data."""

import hashlib
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from pyrovae.distributions import Mixture, Normal
from pyrovae.distributions.special import at_least_single
from pyrovae.nn.modes import evaluation_mode
from pyrovae.nn.positive import positive
from pyrovae.posteriors.base import Posterior
from pyrovae.priors.base import Prior

__all__ = ["ExemplarPrior"]


class ExemplarPrior(Prior):
    r"""A mixture of normals centred at the posterior means of training data, the exemplars.

    .. math:: p(z) = \frac{1}{C} \sum_{c=1}^{C} N(z; \mu(x_c), \sigma^2 I)

    The exemplars :math:`x_c` are training data and stay fixed. The posterior's network is trained
    both as the encoder and through this prior. The scale :math:`\sigma` is trained too and is
    shared by all components. In training mode, each call uses ``components`` random exemplars. In
    evaluation mode it uses all of them, so the cost of a density grows with their number. As in
    `VampPrior`, the posterior is called in evaluation mode.

    Unlike in the paper, a datum is not left out of its own prior, because a prior does not see the
    batch. This rarely matters when few components are drawn from many exemplars. There is no
    nearest-neighbour search either.

    The exemplars are in neither the state dict nor a checkpoint, so that these hold no training
    data; only a fingerprint of the exemplars is saved. A loaded prior has no exemplars, raises an
    error when it is called, and gets them back with `set_data`::

        vae = load(path)
        vae.prior.set_data(x)  # the same data, in the same order

    Alternatively, ``load(path, model=vae)`` loads the parameters into a model that has them.

    Norouzi, Fleet and Norouzi, 2020, Exemplar VAE, https://arxiv.org/abs/2004.04795.

    Args:
        posterior: The model's own posterior q(z|x), with a mean in closed form.
        exemplars: Training data, ``(n, *data_shape)``.
        components: Number of exemplars that each call uses in training mode; all of them if it is
            None or if there are no more than that.

    Raises:
        ValueError: If there are no exemplars, their shape differs from the posterior's
            ``data_shape``, or the posterior is not over real vectors or has no mean in closed
            form.
        RuntimeError: When called, if the exemplars are missing after loading.
    """

    latent_kind = "real"

    def __init__(
        self, posterior: Posterior, *, exemplars: Tensor, components: int | None = 500
    ) -> None:
        super().__init__()
        name = type(posterior).__name__
        if posterior.latent_kind not in (None, "real"):
            raise ValueError(
                f"posterior: an ExemplarPrior is a mixture of normals, but the latents of "
                f"{name} are of the kind {posterior.latent_kind!r}"
            )
        if not posterior.mean_known:
            raise ValueError(
                f"posterior: an ExemplarPrior needs the posterior's mean, but {name} has none in "
                "closed form"
            )
        if posterior.data_shape is not None and exemplars.shape[1:] != posterior.data_shape:
            raise ValueError(
                f"exemplars: expected data of shape {tuple(posterior.data_shape)}, "
                f"got {tuple(exemplars.shape[1:])}"
            )
        if len(exemplars) < 1 or (components is not None and components < 1):
            raise ValueError(
                f"components: expected at least one component and one exemplar, got {components} "
                f"and {len(exemplars)}"
            )
        self.latent_shape = posterior.latent_shape
        self.posterior = posterior
        self.components = components
        self.raw_scale = nn.Parameter(torch.tensor(0.5))
        self.exemplars: Tensor
        self.fingerprint: Tensor
        self.register_buffer("exemplars", exemplars.detach(), persistent=False)
        self.register_buffer("fingerprint", _fingerprint(exemplars))
        self.complete = True

    def set_data(self, x: Tensor) -> None:
        """Gives a loaded prior its exemplars back.

        Args:
            x: The data that the prior was trained with, in the same order.

        Raises:
            ValueError: If ``x`` is different data.
        """
        if not torch.equal(_fingerprint(x), self.fingerprint.cpu()):
            raise ValueError(
                "exemplars: expected the data the prior was trained with, in the same order, of "
                f"shape {tuple(self.exemplars.shape)}, got different data, of shape "
                f"{tuple(x.shape)}"
            )
        self.exemplars = x.detach().to(self.raw_scale)
        self.complete = True

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        mine = _fingerprint(self.exemplars)
        self.complete = torch.equal(mine, self.fingerprint.cpu())

    def forward(self) -> Distribution:
        """Returns the mixture, with the posterior's event shape.

        Raises:
            RuntimeError: If the exemplars are missing after loading.
        """
        if not self.complete:
            raise RuntimeError(
                "ExemplarPrior: the exemplars are missing, because they are training data and "
                "not saved with the model; pass the same data again with prior.set_data(x), or "
                "load into a model that has them, load(path, model=...)"
            )
        x = self.exemplars
        if self.training and self.components is not None and self.components < len(x):
            x = x[torch.rand(len(x), device=x.device).topk(self.components).indices]
        with evaluation_mode(self.posterior):
            loc = self.posterior(x).mean
        normals = Normal(loc, positive(at_least_single(self.raw_scale))).to_event(loc.dim() - 1)
        return Mixture(dist.Categorical(logits=loc.new_zeros(len(loc))), normals)


def _fingerprint(data: Tensor) -> Tensor:
    """An eight-byte fingerprint of the data that does not depend on dtype or device.

    It is all zeros for a single number expanded to a shape. Such a tensor is only a placeholder
    for data, which may be large.
    """
    if data.is_meta or (data.numel() > 1 and not any(data.stride())):
        return torch.zeros(8, dtype=torch.uint8)
    content = data.detach().cpu().float().contiguous().numpy()
    digest = hashlib.sha256(str(tuple(data.shape)).encode() + content.tobytes())
    return torch.tensor(list(digest.digest()[:8]), dtype=torch.uint8)
