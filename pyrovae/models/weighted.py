"""A model of data that count by weights."""

from typing import Any

from torch import Tensor

from pyrovae.handlers import WeighData
from pyrovae.models.base import LatentVariableModel
from pyrovae.models.one_site import OneSite
from pyrovae.programs import takes_counts

__all__ = ["Weighted"]


class Weighted(LatentVariableModel):
    r"""A model whose data count by weights, which come last in each batch.

    .. math:: \sum_n w_n \, L(x_n)

    where L is the bound of an objective: the weight multiplies a datum's bound as a whole, also that
    of several importance-weighted draws. Survey weights, importance weights of a shifted population,
    or how often a row was seen: ``fit(Weighted(vae), (x, w))`` trains ``vae`` itself, and
    ``evaluate(Weighted(vae), (x, w))`` reports means over the data with these weights,
    :math:`\sum_n w_n L(x_n) / \sum_n w_n`. Weights with a mean of 1 leave the learning rate what it
    was. Objectives that look at a batch as a whole (`MMDELBO`, `SlicedWassersteinELBO`,
    `TotalCorrelationELBO`, `DIPELBO`) refuse them. Pyro's own estimators do so for a weighted ELBO alone: `pyro.infer.RenyiELBO` would
    weigh inside the logarithm.

    The queries take data without weights.

    Args:
        program: The model, of which nothing is changed.
    """

    def __init__(self, program: LatentVariableModel) -> None:
        super().__init__()
        self.program = program
        self.latent_shape, self.data_shape = program.latent_shape, program.data_shape

    @property
    def counts(self) -> bool:
        """Whether 8-bit values are counts, as the program takes them."""
        return takes_counts(self.program)

    def model(self, x: Tensor, second: Tensor, *more: Tensor) -> Any:
        """The model's program, weighed by the last tensor."""
        *values, weights = _listed(x, second, *more)
        with WeighData(weights):
            return self.program.model(*values)

    def guide(self, x: Tensor, second: Tensor, *more: Tensor) -> Any:
        """The guide's program, weighed by the last tensor."""
        *values, weights = _listed(x, second, *more)
        with WeighData(weights):
            return self.program.guide(*values)

    def check_batch(self, x: Tensor, *given: Tensor) -> None:
        """Looks at a batch, values included; see `LatentVariableModel.check_batch`.

        Raises:
            ValueError: If the last tensor is none of weights.
        """
        if not given:
            raise ValueError("expected weights as the last tensor of a batch, got data alone")
        *values, weights = given
        if weights.shape != (len(x),) or not weights.is_floating_point():
            raise ValueError(
                f"weights: expected floating numbers of shape ({len(x)},), one for each datum, "
                f"got {weights.dtype} of shape {tuple(weights.shape)}"
            )
        if not (weights.isfinite() & (weights >= 0)).all():
            raise ValueError("weights: expected finite numbers of at least 0, got others")
        self.program.check_batch(x, *values)

    def sample(self, n: int, *given: Any, draw: bool = False) -> Any:
        """Generates data; see `LatentVariableModel.sample`."""
        return self.program.sample(n, *given, draw=draw)

    def encode(self, *batch: Any) -> Any:
        """The posterior's means, of data without weights; see `LatentVariableModel.encode`."""
        return self.program.encode(*batch)

    def decode(self, z: Any, *given: Any) -> Any:
        """The likelihood; see `LatentVariableModel.decode`."""
        return self.program.decode(z, *given)

    def reconstruct(self, *batch: Any, draw: bool = False, to: str | None = None) -> Any:
        """Encodes and decodes data without weights; see `LatentVariableModel.reconstruct`."""
        return self.program.reconstruct(*batch, draw=draw, to=to)

    def only(self, site: str) -> OneSite:
        """The model as it is seen at one of its data sites."""
        return self.program.only(site)


def _listed(*batch: Any) -> list[Any]:
    return list(batch)
