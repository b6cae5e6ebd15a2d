"""A model of weighted data."""

from typing import Any

from torch import Tensor

from pyrovae.handlers import WeighData
from pyrovae.models.base import LatentVariableModel
from pyrovae.models.one_site import OneSite
from pyrovae.programs import takes_counts

__all__ = ["Weighted"]


class Weighted(LatentVariableModel):
    r"""A model whose data have weights, given as the last tensor of each batch.

    .. math:: \sum_n w_n \, L(x_n)

    where L is the bound of an objective. The weight multiplies the whole bound of a datum, also if
    it is importance-weighted with several draws. Examples are survey weights, importance weights
    of a shifted population, or how often a row occurs. ``fit(Weighted(vae), (x, w))`` trains
    ``vae`` itself, and ``evaluate(Weighted(vae), (x, w))`` reports weighted means over the data,
    :math:`\sum_n w_n L(x_n) / \sum_n w_n`. Weights with a mean of 1 leave the effective learning
    rate unchanged. Objectives that depend on the batch as a whole (`MMDELBO`,
    `SlicedWassersteinELBO`, `TotalCorrelationELBO`, `DIPELBO`) refuse weights. With Pyro's own
    estimators this only works for the ELBO: `pyro.infer.RenyiELBO` would apply the weights inside
    the logarithm.

    The queries take data without weights.

    Args:
        program: The model, which is not changed.
    """

    def __init__(self, program: LatentVariableModel) -> None:
        super().__init__()
        self.program = program
        self.latent_shape, self.data_shape = program.latent_shape, program.data_shape

    @property
    def counts(self) -> bool:
        """Whether the model reads 8-bit values as counts."""
        return takes_counts(self.program)

    def model(self, x: Tensor, second: Tensor, *more: Tensor) -> Any:
        """The model's program, weighted by the last tensor."""
        *values, weights = _listed(x, second, *more)
        with WeighData(weights):
            return self.program.model(*values)

    def guide(self, x: Tensor, second: Tensor, *more: Tensor) -> Any:
        """The guide's program, weighted by the last tensor."""
        *values, weights = _listed(x, second, *more)
        with WeighData(weights):
            return self.program.guide(*values)

    def check_batch(self, x: Tensor, *given: Tensor) -> None:
        """Checks a batch, including its values; see `LatentVariableModel.check_batch`.

        Raises:
            ValueError: If the last tensor does not contain weights.
        """
        if not given:
            raise ValueError("expected weights as the last tensor of a batch, got only the data")
        *values, weights = given
        if weights.shape != (len(x),) or not weights.is_floating_point():
            raise ValueError(
                f"weights: expected floating numbers of shape ({len(x)},), one for each datum, "
                f"got {weights.dtype} of shape {tuple(weights.shape)}"
            )
        if not (weights.isfinite() & (weights >= 0)).all():
            raise ValueError(
                "weights: expected finite numbers of at least 0, got negative or non-finite ones"
            )
        self.program.check_batch(x, *values)

    def sample(self, n: int, *given: Any, draw: bool = False) -> Any:
        """Generates data; see `LatentVariableModel.sample`."""
        return self.program.sample(n, *given, draw=draw)

    def encode(self, *batch: Any) -> Any:
        """Returns the posterior means of unweighted data; see `LatentVariableModel.encode`."""
        return self.program.encode(*batch)

    def decode(self, z: Any, *given: Any) -> Any:
        """Returns the likelihood; see `LatentVariableModel.decode`."""
        return self.program.decode(z, *given)

    def reconstruct(self, *batch: Any, draw: bool = False, to: str | None = None) -> Any:
        """Encodes and decodes data without weights; see `LatentVariableModel.reconstruct`."""
        return self.program.reconstruct(*batch, draw=draw, to=to)

    def only(self, site: str) -> OneSite:
        """Returns a view of the model with a single data site."""
        return self.program.only(site)


def _listed(*batch: Any) -> list[Any]:
    return list(batch)
