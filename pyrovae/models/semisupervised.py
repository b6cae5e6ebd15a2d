"""The semi-supervised variational autoencoder."""

from collections.abc import Sequence
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor

from pyrovae.checks import check_agreement
from pyrovae.distributions import LabelledCategorical
from pyrovae.labels import check_form, check_labels, one_hot
from pyrovae.latents import check_kinds
from pyrovae.likelihoods.base import Likelihood
from pyrovae.models.base import LatentVariableModel
from pyrovae.models.condition import joins
from pyrovae.nn.modes import evaluation_mode
from pyrovae.posteriors.base import Posterior
from pyrovae.priors.base import Prior
from pyrovae.priors.categorical import CategoricalPrior
from pyrovae.support import BatchCheck

__all__ = ["SemiSupervisedVAE"]


class SemiSupervisedVAE(LatentVariableModel):
    r"""p(y) p(z) p(x|y,z), where the class y is known for some of the data (M2).

    .. math:: p(x, y, z) = p(y) \, p(z) \, p(x \mid z, y), \qquad
        q(y, z \mid x) = q(y \mid x) \, q(z \mid x, y)

    A batch is ``(x, y)``, where y are labels and -1 for unlabelled data, or ``(x,)``. The sites
    are ``"y"``, a one-hot vector, ``"z"`` and ``"x"``. Where a label is known, q(y|x) is a point
    mass at it (see `LabelledCategorical`), so one program handles labelled and unlabelled data:
    the bound of a labelled datum is a bound of :math:`\log p(x, y)`, that of an unlabelled one a
    bound of :math:`\log p(x)`.

    `EnumeratedELBO` sums over the classes of unlabelled data exactly, which takes one run of
    q(z|x,y) and p(x|z,y) for each class; `ELBO` draws the classes. A bound alone does not train
    the classifier on the labels (a point mass has no parameters): `ClassificationELBO` adds a term
    that does. Labelled and unlabelled data may be mixed in a batch, or labelled data may have
    their own batches (`LabelledApart`).

    Kingma, Rezende, Mohamed and Welling, 2014, Semi-supervised learning with deep generative
    models, https://arxiv.org/abs/1406.5298.

    Args:
        prior: p(z).
        classifier: q(y|x), a `CategoricalPosterior`.
        posterior: q(z|x,y), whose data are a datum joined with the one-hot class, as in a
            `ConditionalVAE`.
        likelihood: p(x|z,y), whose latents are a latent joined with the one-hot class.
        label_prior: p(y); uniform over the classes if None.

    Raises:
        ValueError: If the parts do not fit.
    """

    def __init__(
        self,
        prior: Prior,
        classifier: Posterior,
        posterior: Posterior,
        likelihood: Likelihood,
        *,
        label_prior: Prior | None = None,
    ) -> None:
        super().__init__()
        shape = classifier.latent_shape
        if classifier.latent_kind != "discrete" or shape is None or len(shape) != 1:
            raise ValueError(
                "classifier: expected a posterior of one categorical variable, such as "
                f"CategoricalPosterior, got {type(classifier).__name__}"
            )
        (self.classes,) = shape
        label_prior = label_prior or CategoricalPrior(self.classes)
        check_agreement(
            "label",
            {"classifier": shape, "label_prior": label_prior.latent_shape},
        )
        check_kinds("labels", classifier.latent_kind, label_prior.latent_kind)
        check_agreement(
            "datum", {"classifier": classifier.data_shape, "likelihood": likelihood.data_shape}
        )
        self.beside_x, self.beside_z = joins(prior, posterior, likelihood, [self.classes])
        self.classifier = classifier
        self.posterior = posterior
        self.prior = prior
        self.label_prior = label_prior
        self.likelihood = likelihood
        self.data_shape = likelihood.data_shape

    def model(self, x: Tensor, y: Tensor | None = None) -> Any:
        """p(y) p(z) p(x|z,y), for data ``(n, *data_shape)``.

        Labels only affect the guide, which is certain of them; the model does not read them.
        """
        with self.data_plate(x):
            y = pyro.sample("y", self.label_prior())
            z = pyro.sample("z", self.prior())
            return pyro.sample("x", self.likelihood(self.beside_z(z, y)), obs=x)

    def guide(self, x: Tensor, y: Tensor | None = None) -> Any:
        """q(y|x) q(z|x,y), for data ``(n, *data_shape)`` and labels ``(n,)``; -1 if unlabelled."""
        with self.data_plate(x):
            q = self.classifier(x)
            if y is not None:
                check_form(y, len(x))
                q = LabelledCategorical(q.logits, y)
            y = pyro.sample("y", q)
            return pyro.sample("z", self.posterior(self.beside_x(x, y)))

    @torch.no_grad()
    def classify(self, x: Tensor) -> Tensor:
        """Returns the probability of each class, q(y|x).

        Args:
            x: Data, ``(n, *data_shape)``, read as in `encode`.

        Returns:
            Probabilities, ``(n, classes)``.

        Raises:
            ValueError: If the data are invalid for the model, as in `encode`.
        """
        x = self._read(x)
        BatchCheck(self)((x,))
        with evaluation_mode(self):
            return self.classifier(x).mean

    def check_batch(self, x: Tensor, *given: Tensor) -> None:
        """Checks a batch, including its values; see `LatentVariableModel.check_batch`."""
        super().check_batch(x)
        for y in given:
            check_labels(y, len(x), self.classes, unlabelled=True)

    def _trace(self, n: int, given: Sequence[Any], latents: dict[str, Tensor]) -> poutine.Trace:
        # A given label is a given latent.
        if "y" not in latents:
            for y in self._given(n, given):
                check_labels(y, n, self.classes)
                latents = {"y": one_hot(y, self.classes), **latents}
        return super()._trace(n, (), latents)
