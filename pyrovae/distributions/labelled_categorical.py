"""A one-hot categorical that is sure of those labels that are known."""

from typing import Any

import pyro.distributions as dist
import torch
from torch import Size, Tensor

from pyrovae.distributions.special import normalized
from pyrovae.labels import UNLABELLED, check_range, one_hot

__all__ = ["LabelledCategorical"]


class LabelledCategorical(dist.OneHotCategorical):
    r"""A categorical over classes, which is a point mass where the class is known.

    .. math:: q(y = e_k \mid x, l) = \begin{cases} \operatorname{softmax}(a)_k & l = -1 \\
        [k = l] & \text{otherwise} \end{cases}

    In the place of q(y|x) in a guide it makes one program of labelled and unlabelled data. Under
    a point mass the bound is the one of log p(x, y): :math:`y` is drawn, or enumerated, as the
    label, and :math:`\log q` is zero. Pyro's ``obs_mask`` comes to the same bound with three sites
    in the place of this one.

    What a class other than the label is given for a log-probability is the lowest finite number,
    so that its probability is exactly zero and zero times it is zero, too.

    Args:
        logits: Log-probabilities :math:`a` up to a constant, ``(*batch, C)``.
        labels: Integers, ``(*batch,)``; -1 where there is none.
        validate_args: Whether to check arguments and values. Unchecked, a label that is no
            class makes NaN.

    Raises:
        ValueError: Where checked, if a label is neither -1 nor a class.

    Attributes:
        label_log_prob: What the logits give the labels, :math:`\log \operatorname{softmax}(a)_l`,
            and zero where there is none, ``(*batch,)``.
    """

    label_log_prob: Tensor

    def __init__(
        self, logits: Tensor, labels: Tensor, *, validate_args: bool | None = None
    ) -> None:
        labels = labels.long()  # bytes have no -1
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
