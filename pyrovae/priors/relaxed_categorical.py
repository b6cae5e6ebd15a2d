"""Relaxed categorical prior."""

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution

from pyrovae.distributions.relaxed import RelaxedOneHots, check_temperature
from pyrovae.posteriors.relaxed_categorical import check_variables
from pyrovae.priors.base import Prior

__all__ = ["RelaxedCategoricalPrior"]


class RelaxedCategoricalPrior(Prior):
    r"""Relaxed one-hot categoricals (the concrete distribution): a density inside the simplex.

    .. math:: p(z) = (C - 1)! \, \tau^{C-1} \prod_{k=1}^{C} \frac{\pi_k z_k^{-\tau - 1}}
        {\sum_j \pi_j z_j^{-\tau}}

    The matching posterior is a `RelaxedCategoricalPosterior`. The two temperatures may differ; the
    paper found that a lower one works better here.

    Maddison, Mnih and Teh, 2017, The concrete distribution, https://arxiv.org/abs/1611.00712.

    Args:
        latent_features: Total number of categories :math:`C` of all variables.
        variables: Number of independent variables; the latent features are divided equally
            among them, in order.
        temperature: The temperature :math:`\tau`, from 0.01 to 100: see `RelaxedOneHot`.
        learned: Whether the probabilities :math:`\pi` are trained; they start equal.

    Raises:
        ValueError: If there are fewer than 2 categories for each variable, or the temperature is
            out of range.
    """

    latent_kind = "simplex"
    positive_buffers = ("temperature",)

    def __init__(
        self,
        latent_features: int,
        *,
        variables: int = 1,
        temperature: float = 0.5,
        learned: bool = False,
    ) -> None:
        super().__init__()
        check_variables(latent_features, variables)
        self.latent_shape = Size([latent_features])
        self.variables = variables
        check_temperature(temperature)
        self.logits: Tensor
        self.temperature: Tensor
        logits = torch.zeros(latent_features)
        if learned:
            self.register_parameter("logits", nn.Parameter(logits))
        else:
            self.register_buffer("logits", logits)
        self.register_buffer("temperature", torch.tensor(float(temperature)))

    def forward(self) -> Distribution:
        """Returns the relaxed categorical, with event shape ``(latent_features,)``."""
        return RelaxedOneHots(self.temperature, self.logits, self.variables)
