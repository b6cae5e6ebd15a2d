"""A bound with a classification term for the labels that are known."""

from typing import Any

import pyro.infer
import torch
from pyro.distributions.util import scale_and_mask
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message
from torch import Tensor

from pyrovae.handlers import data_weight, plate_scale
from pyrovae.objectives.base import Program
from pyrovae.objectives.enumerated import EnumeratedELBO
from pyrovae.objectives.weights import Weight, shown
from pyrovae.objectives.wrapped import WrappedELBO

__all__ = ["ClassificationELBO"]


class ClassificationELBO(WrappedELBO):
    r"""A bound plus the log-probability that the guide assigns to the known labels.

    .. math:: \mathcal{L} + \alpha \sum_{b \text{ labelled}} \log q(y_b \mid x_b)

    For labelled data the bound does not depend on q(y|x), so the classifier would learn from
    unlabelled data only. The term is computed in the same run of the guide as the bound, at each
    site whose distribution gives the log-probability of its labels (`label_log_prob`, as
    `LabelledCategorical` does). A weight beta on the KL term and the number of particles do not
    change it.

    Kingma, Rezende, Mohamed and Welling, 2014, Semi-supervised learning with deep generative
    models, https://arxiv.org/abs/1406.5298 (equation 9).

    Args:
        weight: The weight :math:`\alpha` of a labelled datum, at least 0. Pyro's tutorial uses 46
            for 3000 labels among 50,000 data; the paper uses 0.1 N / N_labelled, which it writes
            as alpha = 0.1 N.
        elbo: The estimator of the bound; `EnumeratedELBO` if None.

    Raises:
        ValueError: If the weight is negative or the estimator has no differentiable loss; at the
            first call, if no site of the guide has labels.
    """

    weight = Weight()

    def __init__(self, weight: float = 46.0, *, elbo: pyro.infer.ELBO | None = None) -> None:
        super().__init__(elbo if elbo is not None else EnumeratedELBO())
        if not hasattr(self.elbo, "differentiable_loss"):
            raise ValueError(
                "elbo: expected an estimator with a differentiable_loss, "
                f"got {type(self.elbo).__name__}"
            )
        self.weight = weight

    def programs(self, model: Program, guide: Program) -> tuple[Program, Program]:
        """Returns model and guide unchanged: the labels are evaluated in the bound's own run."""
        return model, guide

    def differentiable_loss(
        self, model: Program, guide: Program, *args: Any, **kwargs: Any
    ) -> Tensor:
        """Returns minus bound and classification term, summed over the batch, with gradients."""
        labels = _ScoreLabels()
        loss = self.elbo.differentiable_loss(model, labels(guide), *args, **kwargs)
        return loss - self.weight.to(loss.dtype) * labels.mean

    def loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> float:
        """Returns minus bound and classification term, summed over the batch, as a number."""
        labels = _ScoreLabels()
        with torch.no_grad():
            loss = self.elbo.loss(model, labels(guide), *args, **kwargs)
            return loss - self.weight.item() * labels.mean.item()

    def loss_and_grads(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Tensor:
        """Returns minus bound and classification term; adds to the parameters' gradients."""
        loss = self.differentiable_loss(model, guide, *args, **kwargs)
        if loss.requires_grad:
            loss.backward()
        return loss.detach()

    def __repr__(self) -> str:
        return f"ClassificationELBO(weight={shown(self.weight)}, elbo={self.elbo!r})"


class _ScoreLabels(Messenger):
    """Sums the log-probabilities that the sites of a guide assign to their labels."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Any] = []

    def __enter__(self) -> Any:
        self.runs.append(None)
        return super().__enter__()

    def _pyro_sample(self, msg: Message) -> None:
        # This runs before the plate of the particles, which is outside, expands the distribution.
        fn: Any = msg["fn"]
        if not hasattr(fn, "label_log_prob"):
            return
        weight = data_weight(msg)
        scale: Any = plate_scale(msg) if weight is None else plate_scale(msg) * weight
        each = scale_and_mask(fn.label_log_prob, scale, msg["mask"])
        # A classifier that reads a drawn latent gives one log-probability for each particle.
        term = each.flatten(0, -2).mean(0).sum() if each.dim() > 1 else each.sum()
        self.runs[-1] = term if self.runs[-1] is None else self.runs[-1] + term

    @property
    def mean(self) -> Tensor:
        """The sum over the batch, averaged over the runs of the guide.

        Raises:
            ValueError: If a run found no labels.
        """
        if not self.runs or any(run is None for run in self.runs):
            raise ValueError(
                "the guide has no site with labels: expected batches (x, y), as "
                "data.with_labels() makes them, and a guide with a LabelledCategorical, such as "
                "that of SemiSupervisedVAE"
            )
        return torch.stack(self.runs).mean()
