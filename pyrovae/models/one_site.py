"""A view of a model with several data sites, restricted to one of them."""

from collections.abc import Callable
from typing import Any, Protocol

from torch import Size, Tensor
from torch.distributions import Distribution

__all__ = ["OneSite"]


class Queries(Protocol):
    """Any object with the queries of a model, whatever their other arguments."""

    latent_shape: Size | None

    @property
    def sample(self) -> Callable[..., Any]:
        """Generates data."""

    @property
    def encode(self) -> Callable[..., Any]:
        """Returns codes."""

    @property
    def decode(self) -> Callable[..., Any]:
        """Returns the likelihood of the data."""

    @property
    def reconstruct(self) -> Callable[..., Any]:
        """Encodes and decodes."""


class OneSite:
    """A view of a model that only returns the values of one data site, as a `VAE` does.

    Use it for figures and other functions that expect one tensor:
    ``plots.samples(model.only("x"))``.

    Args:
        model: The model.
        site: Name of the data site.

    Raises:
        ValueError: In the queries, if the model has no data site of that name.
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
        """Returns the posterior means; see `LatentVariableModel.encode`."""
        return self.whole.encode(*batch)

    def decode(self, z: Any, *given: Any) -> Distribution:
        """Returns the likelihood of this site; see `LatentVariableModel.decode`."""
        found: Distribution = self._chosen(self.whole.decode(z, *given))
        return found

    def reconstruct(self, *batch: Any, draw: bool = False) -> Tensor:
        """Encodes and decodes; see `LatentVariableModel.reconstruct`."""
        found: Tensor = self._chosen(self.whole.reconstruct(*batch, draw=draw))
        return found

    def _chosen(self, found: Any) -> Any:
        if isinstance(found, dict) and self.site in found:
            return found[self.site]
        if not isinstance(found, dict):
            raise ValueError(
                f"site: the model has a single data site and needs no only(...), got {self.site!r}"
            )
        raise ValueError(f"site: expected one of the data sites {list(found)}, got {self.site!r}")
