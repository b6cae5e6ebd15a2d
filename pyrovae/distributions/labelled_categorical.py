"""A one-hot categorical that is certain of known labels."""

from typing import Any

import pyro.distributions as dist
import torch
from torch import Size, Tensor

from pyrovae.distributions.special import normalized
from pyrovae.labels import UNLABELLED, check_range, one_hot

__all__ = ["LabelledCategorical"]


class LabelledCategorical(dist.OneHotCategorical):
    r"""A categorical over classes that is a point mass where the class is known.

    .. math:: q(y = e_k \mid x, l) = \begin{cases} \operatorname{softmax}(a)_k & l = -1 \\
        [k = l] & \text{otherwise} \end{cases}

    Used as q(y|x) in a guide, it lets one program handle labelled and unlabelled data. Under a
    point mass the bound is that of log p(x, y): :math:`y` is drawn, or enumerated, as the label,
    and :math:`\log q` is zero. Pyro's ``obs_mask`` gives the same bound, with three sites in place
    of this one.

    A class other than the label gets the lowest finite number as its log-probability, so that its
    probability is exactly zero and the product of the two is zero, too.

    Args:
        logits: Log-probabilities :math:`a` up to a constant, ``(*batch, C)``.
        labels: Integers, ``(*batch,)``; -1 where there is no label.
        validate_args: Whether to check arguments and values. Without validation, a label that is
            not a class gives NaN.

    Raises:
        ValueError: If validation is on, and a label is neither -1 nor a class.

    Attributes:
        label_log_prob: The log-probability of the labels under the logits, :math:`\log
            \operatorname{softmax}(a)_l`, and zero where there is no label, ``(*batch,)``.
    """

    label_log_prob: Tensor

    def __init__(
        self, logits: Tensor, labels: Tensor, *, validate_args: bool | None = None
    ) -> None:
        labels = labels.long()  # bytes cannot hold -1
        if self._validate_args if validate_args is None else validate_args:
            check_range(labels, logits.shape[-1], unlabelled=True)
        known = one_hot(labels, logits.shape[-1], unlabelled=True).to(logits)
        logits = normalized(logits)
        self.label_log_prob = torch.where(known == 0, 0.0, known * logits).sum(-1)
        lowest = torch.finfo(logits.dtype).min
        sure = torch.where(known == 0, lowest, known - 1)
        unlabelled = (labels == UNLABELLED).unsqueeze(-1)
        super().__init__(logits=torch.where(unlabelled, logits, sure), validate_args=validate_args)

    def expand(self, batch_shape: Size, _instance: Any = None) -> "LabelledCategorical":
        """The same distribution for a larger batch."""
        new = self._get_checked_instance(LabelledCategorical, _instance)
        new.label_log_prob = self.label_log_prob.expand(batch_shape)
        return super().expand(batch_shape, new)
