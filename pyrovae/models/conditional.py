"""The conditional variational autoencoder."""

from collections.abc import Sequence
from typing import Any

import pyro
import torch
from torch import Tensor

from pyrovae.checks import check_agreement
from pyrovae.labels import check_form, check_labels, one_hot
from pyrovae.likelihoods.base import Likelihood
from pyrovae.models.base import LatentVariableModel
from pyrovae.models.condition import joins
from pyrovae.models.one_site import OneSite
from pyrovae.nn.covariates import Covariates
from pyrovae.nn.network import Shape, as_size
from pyrovae.posteriors.base import Posterior
from pyrovae.priors.base import Prior

__all__ = ["ConditionalVAE", "Given"]


class ConditionalVAE(LatentVariableModel):
    r"""p(z) p(x|z,y) and q(z|x,y): an autoencoder of data with a condition y, always known.

    .. math:: p(x, z \mid y) = p(z) \, p(x \mid z, y), \qquad q(z \mid x, y)

    A batch is ``(x, y)``. The condition is a class or any tensor, such as a part of a picture. It
    is not a random variable: every bound is a bound of :math:`\log p(x \mid y)`. Posterior and
    likelihood are those of any model, with networks that have room for the condition: an MLP with
    ``features + condition`` inputs, or a convolutional encoder with ``channels + condition``
    channels::

        ConditionalVAE(
            NormalPrior(8),
            NormalPosterior(MLP(64 + 10, [200], 2 * 8)),
            BernoulliLikelihood(MLP(8 + 10, [200], (1, 8, 8))),
            classes=10,
        )

    For a prior p(z|y) that depends on the condition, pass a posterior: it returns a distribution
    of latents for each y. The likelihood may then read z only.

    The encoder may also read the data only, ``MLP(64, [200], 2 * 8)``, for q(z|x). The condition
    then only reaches the decoder, as batches of cells do in scVI.

    The queries take y after their first argument: ``sample(16, 3)`` draws sixteen data of class 3.

    Sohn, Lee and Yan, 2015, Learning structured output representation using deep conditional
    generative models, https://papers.nips.cc/paper/5775.

    Args:
        prior: p(z), or a posterior whose data are conditions for p(z|y).
        posterior: q(z|x,y), whose data are a datum joined with its condition, or q(z|x).
        likelihood: p(x|z,y), whose latents are a latent joined with its condition.
        classes: Number of classes, if y are labels, integers ``(n,)``. The networks read one-hot
            vectors.
        condition_shape: Shape of one condition, if y are tensors ``(n, *condition_shape)``.
        covariates: Encoding of the condition, if y are rows of categories and numbers.

    Attributes:
        met: Which classes, or categories of covariates, the model was trained with, bool
            ``(classes,)``; the guide records them in training mode. The queries refuse others.

    Raises:
        ValueError: If the parts do not fit each other or the condition, or not exactly one of
            ``classes``, ``condition_shape`` and ``covariates`` is given.
    """

    met: Tensor

    def __init__(
        self,
        prior: Prior | Posterior,
        posterior: Posterior,
        likelihood: Likelihood,
        *,
        classes: int | None = None,
        condition_shape: Shape | None = None,
        covariates: Covariates | None = None,
    ) -> None:
        super().__init__()
        given = (classes, condition_shape, covariates)
        if sum(each is not None for each in given) != 1:
            raise ValueError(
                f"expected exactly one of classes, condition_shape and covariates, got {classes}, "
                f"{condition_shape} and {covariates}"
            )
        self.covariates = covariates
        if classes is not None:
            self.condition_shape = as_size(classes, "classes")
        elif covariates is not None:
            self.condition_shape = covariates.out_shape
        else:
            self.condition_shape = as_size(condition_shape or (), "condition_shape")
        self.classes = classes
        self.levels = classes or (0 if covariates is None else covariates.levels)
        if self.levels:
            self.register_buffer("met", torch.zeros(self.levels, dtype=torch.bool))
        self.conditional_prior = isinstance(prior, Posterior)
        self.beside_x, self.beside_z = joins(
            prior,
            posterior,
            likelihood,
            self.condition_shape,
            data_alone=True,
            latents_alone=self.conditional_prior,
        )
        if isinstance(prior, Posterior):
            check_agreement(
                "condition", {"prior": prior.data_shape, "model": self.condition_shape}
            )
        self.posterior = posterior
        self.prior = prior
        self.likelihood = likelihood
        self.latent_shape = posterior.latent_shape
        self.data_shape = likelihood.data_shape

    def model(self, x: Tensor, y: Tensor) -> Any:
        """p(z) p(x|z,y), for data ``(n, *data_shape)`` and labels or conditions."""
        y = self.condition(len(x), y)
        with self.data_plate(x):
            z = pyro.sample("z", self.prior(y) if self.conditional_prior else self.prior())
            return pyro.sample("x", self.likelihood(self.beside_z(z, y)), obs=x)

    def guide(self, x: Tensor, y: Tensor) -> Any:
        """q(z|x,y), for data ``(n, *data_shape)`` and labels or conditions."""
        y = self.condition(len(x), y)
        if self.training and self.levels:
            self.met.logical_or_((y[:, : self.levels] == 1).any(0))
        with self.data_plate(x):
            return pyro.sample("z", self.posterior(self.beside_x(x, y)))

    def condition(self, n: int, y: Tensor) -> Tensor:
        """Encodes a batch's labels or conditions for the networks, ``(n, *condition_shape)``.

        Raises:
            ValueError: If their type or shape does not fit.
        """
        if self.classes is not None:
            check_form(y, n)
            y = one_hot(y, self.classes)
        elif self.covariates is not None:
            self.covariates.check_form(y, n)
            y = self.covariates(y)
        elif y.shape != (n, *self.condition_shape) or not (
            y.is_floating_point() or y.dtype == torch.bool
        ):
            raise ValueError(
                f"y: expected conditions, floating or bool of shape "
                f"{(n, *self.condition_shape)}, got {y.dtype} of shape {tuple(y.shape)}"
            )
        return y.to(next(self.parameters()).dtype)

    def check_batch(self, x: Tensor, *given: Tensor) -> None:
        """Checks a batch, including its values; see `LatentVariableModel.check_batch`."""
        super().check_batch(x)
        (y,) = given
        if self.classes is not None:
            check_labels(y, len(x), self.classes)
        elif self.covariates is not None:
            self.covariates.check(y, len(x))
        else:
            self.condition(len(x), y)

    def given(self, y: Any) -> "Given":
        """Returns a view of the model with a fixed class or condition, for figures and the like.

        Args:
            y: A label, or a condition of shape ``condition_shape``.
        """
        return Given(self, y)

    def _given(self, n: int, given: Sequence[Any]) -> tuple[Tensor, ...]:
        if len(given) != 1:
            what = "labels" if self.classes is not None else "conditions"
            raise ValueError(f"y: expected {what} of {n} data, got {len(given)} arguments")
        (y,) = super()._given(n, given)
        if self.covariates is not None:
            y = y.expand(n, *y.shape) if y.shape == self.covariates.in_shape else y
            self.covariates.check(y, n)
            hot = self.covariates(y)[:, : self.levels] == 1
        elif self.classes is not None:
            check_labels(y, n, self.classes)
            y = y.long()  # uint8 would be read as a mask
            hot = one_hot(y, self.classes) == 1
        else:
            return (y.expand(n, *y.shape) if y.shape == self.condition_shape else y,)
        # A model that was not trained at all is allowed.
        unknown = hot.any(0) & ~self.met if self.levels and self.met.any() else None
        if unknown is not None and unknown.any():
            met, unmet = (each.nonzero().flatten().tolist() for each in (self.met, unknown))
            raise ValueError(
                f"y: the model was only trained with the classes {met}, not with {unmet}"
            )
        return (y,)


class Given:
    """A conditional model with a fixed condition and the same queries as a `VAE`.

    Args:
        model: The model.
        y: The condition of all data.
    """

    def __init__(self, model: ConditionalVAE, y: Any) -> None:
        self.model = model
        self.y = y
        self.data_shape = model.data_shape
        self.latent_shape = model.latent_shape

    def sample(self, n: int, *, draw: bool = False) -> Any:
        """Generates data; see `LatentVariableModel.sample`."""
        return self.model.sample(n, self.y, draw=draw)

    def encode(self, x: Tensor) -> Any:
        """Returns the posterior means; see `LatentVariableModel.encode`."""
        return self.model.encode(x, self.y)

    def decode(self, z: Any) -> Any:
        """Returns p(x|z,y); see `LatentVariableModel.decode`."""
        return self.model.decode(z, self.y)

    def reconstruct(self, x: Tensor, *, draw: bool = False) -> Any:
        """Encodes and decodes; see `LatentVariableModel.reconstruct`."""
        return self.model.reconstruct(x, self.y, draw=draw)

    def only(self, site: str) -> OneSite:
        """Returns a view of the model with a single data site."""
        return OneSite(self, site)
