"""The variational autoencoder for data with missing values."""

from collections.abc import Sequence
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Size, Tensor
from torch.distributions import Categorical

from pyrovae.checks import check_agreement
from pyrovae.distributions.partly_observed import observe_partly
from pyrovae.distributions.unwrap import unwrapped
from pyrovae.latents import check_kinds
from pyrovae.likelihoods.base import Likelihood
from pyrovae.models.base import LatentVariableModel
from pyrovae.nn.modes import evaluation_mode
from pyrovae.posteriors.base import Posterior
from pyrovae.priors.base import Prior
from pyrovae.scope import isolated
from pyrovae.support import BatchCheck

__all__ = ["MissingDataVAE"]

# Number of draws times data in one run of the model, which limits the memory of `impute`.
ROWS = 8000


class MissingDataVAE(LatentVariableModel):
    r"""A VAE that explains the observed values of each datum and imputes the others.

    .. math:: p(z) \, p(x_{obs} \mid z) \quad \text{and} \quad q(z \mid x_{obs}), \qquad
        \log p(x_{obs} \mid z) = \sum_d m_d \log p(x_d \mid z)

    A batch is ``(x, mask)``, where the mask is True for observed values. The content of x where
    the mask is False does not matter (it may be NaN). Every objective bounds :math:`\log
    p(x_{obs})`, which is the evidence if values are missing at random, so that which ones are
    missing only depends on observed values. Without a mask, all values are observed. For data with
    NaN at the missing values::

        observed = ~x.isnan()
        fit(vae, TensorSplit(x.nan_to_num(), observed))

    The guide's network reads zeros in place of missing values. If the first dimension of its input
    (channels or features) is twice that of a datum, the mask is appended there, and the network
    can tell an observed zero from a missing value.

    Mattei and Frellsen, 2019, MIWAE, https://arxiv.org/abs/1812.02633 (the bound with zeros and
    the imputation); Nazabal et al., 2020, https://arxiv.org/abs/1807.03653; Collier, Nazabal and
    Williams, 2020, https://arxiv.org/abs/2006.05301 (the mask as an input).

    Args:
        prior: p(z).
        posterior: q(z|x), or q(z|x, mask) of both concatenated.
        likelihood: p(x|z), over independent variables.

    Raises:
        ValueError: If two parts declare different shapes, or prior and posterior are over
            different kinds of space. When called: if the variables of the likelihood are not
            independent, or the mask is not bool or does not have the data's shape.
    """

    sees_masks = True

    def __init__(self, prior: Prior, posterior: Posterior, likelihood: Likelihood) -> None:
        super().__init__()
        parts = {"prior": prior, "posterior": posterior, "likelihood": likelihood}
        check_agreement("latent", {name: part.latent_shape for name, part in parts.items()})
        check_kinds(
            f"{type(posterior).__name__} under {type(prior).__name__}",
            posterior.latent_kind,
            prior.latent_kind,
        )
        read, shape = posterior.data_shape, likelihood.data_shape
        self.reads_mask = shape is not None and read == Size([2 * shape[0], *shape[1:]])
        if not self.reads_mask:
            check_agreement("datum", {"posterior": read, "likelihood": shape})
        # Posterior first, so that parameters shared with a prior are named after the posterior.
        self.posterior = posterior
        self.prior = prior
        self.likelihood = likelihood
        self.latent_shape = posterior.latent_shape or prior.latent_shape
        self.data_shape = shape or read

    def model(self, x: Tensor, mask: Tensor | None = None) -> Any:
        """p(z) p(x|z) for the observed values of data ``(n, *data_shape)``."""
        with self.data_plate(x):
            z = pyro.sample("z", self.prior())
            p = self.likelihood(z)
            if mask is not None:
                p = observe_partly(p, _check_mask(mask, x))
            return pyro.sample("x", p, obs=x)

    def guide(self, x: Tensor, mask: Tensor | None = None) -> Any:
        """q(z|x) given the observed values of data ``(n, *data_shape)``."""
        with self.data_plate(x):
            if mask is not None:
                x = x.where(_check_mask(mask, x), 0)
            if self.reads_mask:
                seen = torch.ones_like(x) if mask is None else mask.expand_as(x).to(x)
                x = torch.cat([x, seen], dim=1)
            return pyro.sample("z", self.posterior(x))

    def check_batch(self, x: Tensor, *given: Tensor) -> None:
        """Checks a batch, including its values; see `LatentVariableModel.check_batch`."""
        super().check_batch(x)
        for mask in given:
            _check_mask(mask, x)

    def _trace(self, n: int, given: Sequence[Any], latents: dict[str, Tensor]) -> poutine.Trace:
        # Generated data have no missing values: only the guide uses the mask.
        return super()._trace(n, (), latents)

    @torch.no_grad()
    def impute(
        self, x: Tensor, mask: Tensor, *, samples: int = 1000, draw: bool = False
    ) -> Tensor:
        r"""Fills in the missing values.

        .. math:: E[x_{mis} \mid x_{obs}] \approx \sum_{s=1}^{S} \frac{w_s}{\sum_r w_r} \,
            E[x_{mis} \mid z_s], \qquad w_s = \frac{p(x_{obs}, z_s)}{q(z_s \mid x_{obs})}

        With ``draw``, the method is sampling importance resampling: one :math:`z_s` is chosen with
        probability proportional to its weight, and :math:`x_{mis}` is drawn given it. Repeated
        calls give multiple imputations.

        Args:
            x: Data, ``(n, *data_shape)``, with any content at missing values.
            mask: True where a value was observed.
            samples: Number of draws S from the guide for each datum.
            draw: Whether to draw the missing values. Otherwise the result is their mean, or the
                most probable level if they are levels, such as categories.

        Returns:
            The data, ``(n, *data_shape)``, with observed values unchanged.

        Raises:
            ValueError: If ``samples`` is not positive, the mask is not bool or does not have the
                data's shape, or an observed value is not finite or outside the likelihood's
                support.
        """
        if samples < 1:
            raise ValueError(f"samples: expected at least 1, got {samples}")
        x = self._read(x)
        mask = _check_mask(mask, x).to(self.device)
        BatchCheck(self)((x, mask))
        rows = max(1, ROWS // samples)
        filled = []
        with isolated(self.device), evaluation_mode(self):
            for part, seen in zip(x.split(rows), mask.split(rows), strict=True):
                filled.append(torch.where(seen, part, self._fill(part, seen, samples, draw)))
        return torch.cat(filled)

    def _fill(self, x: Tensor, mask: Tensor, samples: int, draw: bool) -> Tensor:
        with pyro.plate("draws", samples, dim=-2):
            guide = poutine.trace(self.guide).get_trace(x, mask)
            model = poutine.trace(poutine.replay(self.model, guide)).get_trace(x, mask)
        guide.compute_log_prob()
        model.compute_log_prob()
        p, q = model.nodes, guide.nodes
        log_weights = p["x"]["log_prob"] + p["z"]["log_prob"] - q["z"]["log_prob"]
        distribution = p["x"]["fn"]
        if draw:
            chosen = Categorical(logits=log_weights.mT).sample()
            return distribution.sample()[chosen, torch.arange(len(x), device=x.device)]
        weights = log_weights.softmax(0)
        weights = weights.view(*weights.shape, *[1] * (x.dim() - 1))
        average = getattr(unwrapped(distribution), "average", None)
        if average is not None:  # also for levels, whose numbers cannot be averaged
            return average(weights)
        try:
            values = distribution.mean
        except NotImplementedError:  # one draw for each latent has the same expectation
            values = distribution.sample()
        return (weights * values).sum(0)


def _check_mask(mask: Any, x: Tensor) -> Tensor:
    """Returns the mask in the shape of the data.

    Raises:
        ValueError: If it is not bool, or does not broadcast to the data.
    """
    if not isinstance(mask, Tensor):
        raise ValueError(f"mask: expected a tensor of bool, got {type(mask).__name__}")
    fits = mask.dim() == x.dim() and len(mask) == len(x)
    if (
        mask.dtype != torch.bool
        or not fits
        or any(m not in (1, n) for m, n in zip(mask.shape, x.shape, strict=True))
    ):
        raise ValueError(
            f"mask: expected bool of shape {tuple(x.shape)}, where any dimension but the first "
            f"may be 1, True for observed values, got {mask.dtype} of shape {tuple(mask.shape)}"
        )
    return mask.expand_as(x)
