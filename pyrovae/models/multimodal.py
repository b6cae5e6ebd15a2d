"""The variational autoencoder for several modalities."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor, nn

from pyrovae.checks import check_agreement
from pyrovae.distributions.partly_observed import PartlyObserved
from pyrovae.handlers import modalities_there
from pyrovae.latents import check_kinds
from pyrovae.likelihoods.base import Likelihood
from pyrovae.models.base import LatentVariableModel
from pyrovae.posteriors.base import Posterior
from pyrovae.priors.base import Prior

__all__ = ["MultimodalVAE"]


class MultimodalVAE(LatentVariableModel):
    r"""p(z) with a likelihood for each modality, and q(z|x) given the modalities that are present.

    .. math:: p(z) \prod_{m \in P} p_m(x_m \mid z), \qquad q(z \mid (x_m)_{m \in P}), \quad
        P \text{ the modalities that are there}

    The sites are ``"z"`` and one with the name of each modality. A batch has one tensor for each
    modality, in their order, and optionally a mask at the end, bool ``(n, M)``, of the modalities
    that each datum has. The content of a missing modality does not matter. In the programs, None
    in place of a tensor leaves out a modality for the whole batch: it then has no site. Every
    objective bounds the joint density of the modalities that are present, which is the evidence
    if which ones are missing only depends on observed values.

    The posterior is made of posteriors: `ProductPosterior` (MVAE), `MixturePosterior` (MMVAE) or
    `MixtureOfProductsPosterior` (MoPoE). The queries also accept the modalities by name, and
    return all modalities or only the requested one::

        vae = MultimodalVAE(
            NormalPrior(8),
            ProductPosterior([of_images, of_labels]),
            {"image": image_likelihood, "label": label_likelihood},
        )
        vae.reconstruct({"image": x}, to="label")

    Wu and Goodman, 2018, https://arxiv.org/abs/1802.05335; Shi et al., 2019,
    https://arxiv.org/abs/1911.03393; Sutter et al., 2021, https://arxiv.org/abs/2105.02470.

    Args:
        prior: p(z); any prior.
        posterior: q(z|x), which reads a tuple of tensors and a mask.
        likelihoods: The likelihood of each modality by name, in their order.

    Raises:
        ValueError: If there are fewer than two modalities, the parts declare different shapes or
            kinds of latents, or a name is ``"z"`` or not a Python identifier. When called: if a
            tensor or the mask does not fit.
    """

    def __init__(
        self, prior: Prior, posterior: Posterior, likelihoods: Mapping[str, Likelihood]
    ) -> None:
        super().__init__()
        names = list(likelihoods)
        if len(names) < 2 or any(not name.isidentifier() or name == "z" for name in names):
            raise ValueError(
                "likelihoods: expected one for each of several modalities, under names that are "
                f"identifiers other than 'z', got {names}"
            )
        parts = {"prior": prior, "posterior": posterior, **likelihoods}
        check_agreement("latent", {name: part.latent_shape for name, part in parts.items()})
        check_kinds(
            f"{type(posterior).__name__} under {type(prior).__name__}",
            posterior.latent_kind,
            prior.latent_kind,
        )
        experts = getattr(posterior, "experts", None)
        if experts is not None and len(experts) != len(names):
            raise ValueError(
                f"posterior: expected an expert for each of {names}, got {len(experts)}"
            )
        # Posterior first, so that parameters shared with a prior are named after the posterior.
        self.posterior = posterior
        self.prior = prior
        self.likelihoods = nn.ModuleDict(likelihoods)
        self.latent_shape = posterior.latent_shape or prior.latent_shape
        self.names = tuple(names)

    @property
    def counts(self) -> bool:
        """Whether 8-bit values of the first modality, which alone is rescaled, are counts."""
        return self._likelihood(self.names[0]).counts

    def model(self, first: Tensor | None, second: Tensor | None, *more: Tensor | None) -> Any:
        """p(z) and the likelihoods of the modalities that are present."""
        views, present = self._views((first, second, *more))
        with self.data_plate(_first(views)):
            z = pyro.sample("z", self.prior())
            for m, (name, x) in enumerate(zip(self.names, views, strict=True)):
                if x is None:
                    continue
                p: Any = self._likelihood(name)(z)
                if present is not None:
                    p = PartlyObserved(p, present[:, m])
                pyro.sample(name, p, obs=x)

    def guide(self, first: Tensor | None, second: Tensor | None, *more: Tensor | None) -> Any:
        """q(z|x) given the modalities that are present."""
        views, present = self._views((first, second, *more))
        if present is not None:
            views = [None if x is None else _blank(x, present[:, m]) for m, x in enumerate(views)]
        with self.data_plate(_first(views)):
            return pyro.sample("z", self.posterior(views, present))

    def check_batch(self, x: Tensor, *given: Tensor) -> None:
        """Checks a batch, including its values; see `LatentVariableModel.check_batch`."""
        views, present = self._views((x, *given))
        for name, value in zip(self.names, views, strict=True):
            shape = self._likelihood(name).data_shape
            if value is not None and shape is not None and value.shape[1:] != shape:
                raise ValueError(
                    f"{name}: expected data of shape (n, {', '.join(map(str, shape))}), the batch "
                    f"first, got {tuple(value.shape)}"
                )
        if present is not None and not present.any(1).all():
            raise ValueError(
                "present: expected at least one modality for each datum, but "
                f"{int((~present.any(1)).sum())} of them have none"
            )

    @torch.no_grad()
    def encode(self, *batch: Any) -> Any:
        """Returns the posterior mean of each datum.

        Args:
            *batch: A tensor for each modality, None for a missing one, and optionally a mask; or
                a dict of the modalities that are present by name.

        Returns:
            The means, ``(n, *latent_shape)``.

        Raises:
            ValueError: If a modality is unknown, or the data do not fit.
        """
        return super().encode(*self._filled(batch))

    @torch.no_grad()
    def reconstruct(self, *batch: Any, draw: bool = False, to: str | None = None) -> Any:
        """Encodes the modalities that are present to the posterior mean and decodes all.

        Args:
            *batch: As for `encode`.
            draw: Whether to draw from the likelihoods instead of returning their means.
            to: The modality to return; all if None.

        Returns:
            Data of each modality by name, or of the requested one.
        """
        return super().reconstruct(*self._filled(batch), draw=draw, to=to)

    def _likelihood(self, name: str) -> Likelihood:
        found: Any = self.likelihoods[name]
        return found

    def _views(self, batch: Sequence[Any]) -> tuple[list[Any], Tensor | None]:
        """Returns the tensor of each modality, and the mask of those that are present.

        Raises:
            ValueError: If the number or the lengths of the tensors are wrong, or the mask is.
        """
        m = len(self.names)
        views, rest = list(batch[:m]), batch[m:]
        sizes = {len(x) for x in views if x is not None}
        if len(views) != m or len(rest) > 1 or len(sizes) != 1:
            raise ValueError(
                f"expected a batch of {', '.join(self.names)} with equal numbers of rows, and "
                f"optionally a mask, got {len(batch)} tensors with {sorted(sizes) or 'no'} rows"
            )
        present = rest[0] if rest else None
        if present is not None and (present.dtype != torch.bool or present.shape != (*sizes, m)):
            raise ValueError(
                f"present: expected bool of shape {(*sizes, m)}, True where a modality is "
                f"present, got {present.dtype} of shape {tuple(present.shape)}"
            )
        device = next(x.device for x in views if x is not None)
        there = torch.tensor([x is not None for x in views], device=device).expand(*sizes, m)
        return views, modalities_there(there if present is None else there & present, present)

    def _filled(self, batch: Sequence[Any]) -> tuple[Any, ...]:
        """Fills in placeholders for missing modalities in a query's arguments, and the mask."""
        if len(batch) == 1 and isinstance(batch[0], Mapping):
            unknown = sorted(set(batch[0]) - set(self.names))
            if unknown:
                raise ValueError(f"expected modalities among {list(self.names)}, got {unknown}")
            batch = [batch[0].get(name) for name in self.names]
        m = len(self.names)
        views = [*batch[:m], *[None] * (m - len(batch))]
        known = next((x for x in views if x is not None), None)
        if known is None:
            raise ValueError(f"expected at least one of {', '.join(self.names)}, got none")
        present = batch[m] if len(batch) > m else torch.ones(len(known), m, dtype=torch.bool)
        present = present.clone()
        for i, (name, x) in enumerate(zip(self.names, views, strict=True)):
            if x is None:
                present[:, i] = False
                views[i] = torch.zeros(len(known), *(self._likelihood(name).data_shape or ()))
        return (*views, present, *batch[m + 1 :])

    def _trace(self, n: int, given: Sequence[Any], latents: dict[str, Tensor]) -> poutine.Trace:
        # Generated data have all modalities: only the guide uses what is missing.
        return super()._trace(n, [torch.zeros(n)] * (len(self.names) - 1), latents)


def _first(views: Sequence[Any]) -> Tensor:
    found: Tensor = next(x for x in views if x is not None)
    return found


def _blank(x: Tensor, present: Tensor) -> Tensor:
    """Replaces the data that are missing by zeros, whatever their content."""
    return x.where(present.view(-1, *[1] * (x.dim() - 1)), torch.zeros_like(x))
