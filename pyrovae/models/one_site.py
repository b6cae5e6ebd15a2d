"""A model of several data sites, seen at one of them."""

from collections.abc import Callable
from typing import Any, Protocol

from torch import Size, Tensor
from torch.distributions import Distribution

__all__ = ["OneSite"]


class Queries(Protocol):
    """What answers the queries of a model, with whatever else these take."""

    latent_shape: Size | None

    @property
    def sample(self) -> Callable[..., Any]:
        """Generates data."""

    @property
    def encode(self) -> Callable[..., Any]:
        """Gives codes."""

    @property
    def decode(self) -> Callable[..., Any]:
        """Gives the likelihood of the data."""

    @property
    def reconstruct(self) -> Callable[..., Any]:
        """Encodes and decodes."""


class OneSite:
    """A model that answers with the values of one data site alone, as a `VAE` answers.

    Figures and whatever else wants one tensor take it: ``plots.samples(model.only("x"))``.

    Args:
        model: The model.
        site: The data site's name.

    Raises:
        ValueError: When asked, if the model has no data site of that name.
    """

    data_shape = None

    def __init__(self, model: Queries, site: str) -> None:
        self.whole = model
        self.site = site
        self.latent_shape = model.latent_shape

    def sample(self, n: int, *given: Any, draw: bool = False) -> Tensor:
        """Generates data; see `LatentVariableModel.sample`."""
        found: Tensor = self._chosen(self.whole.sample(n, *given, draw=draw))
        return found

    def encode(self, *batch: Any) -> Any:
        """The posterior's means; see `LatentVariableModel.encode`."""
        return self.whole.encode(*batch)

    def decode(self, z: Any, *given: Any) -> Distribution:
        """The likelihood of this site; see `LatentVariableModel.decode`."""
        found: Distribution = self._chosen(self.whole.decode(z, *given))
        return found

    def reconstruct(self, *batch: Any, draw: bool = False) -> Tensor:
        """Encodes and decodes; see `LatentVariableModel.reconstruct`."""
        found: Tensor = self._chosen(self.whole.reconstruct(*batch, draw=draw))
        return found

    def _chosen(self, found: Any) -> Any:
        if isinstance(found, dict) and self.site in found:
            return found[self.site]
        sites = list(found) if isinstance(found, dict) else "one alone, which it gives by itself"
        raise ValueError(f"expected one of the model's data sites ({sites}), got {self.site!r}")
