"""Mixtures of experts, and mixtures of products of experts."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from pyrovae.distributions import ExpertMixture
from pyrovae.posteriors.base import Posterior
from pyrovae.posteriors.experts import ExpertsPosterior, Views
from pyrovae.posteriors.product import product_of_normals

__all__ = ["MixtureOfProductsPosterior", "MixturePosterior"]

MOST_EXPERTS = 10


class MixturePosterior(ExpertsPosterior):
    r"""A mixture of one posterior for each modality.

    .. math:: q(z \mid x) = \frac{1}{|P|} \sum_{m \in P} q_m(z \mid x_m), \quad
        P \text{ the modalities that are there}

    Each expert must explain all modalities alone, which helps to generate the others from any
    single one. Unlike `ProductPosterior`, the mixture does not pool what several modalities know.
    Draws are reparameterised. `StratifiedELBO` draws equally often from each expert.

    Shi, Siddharth, Paige and Torr, 2019, Variational mixture-of-experts autoencoders for
    multi-modal deep generative models, https://arxiv.org/abs/1911.03393.

    Args:
        experts: Posteriors of any family, in the order of the modalities; `ExpertsPosterior`
            describes their input.

    Raises:
        ValueError: If there are none, or they are over different latents.
    """

    def __init__(self, experts: Sequence[Posterior]) -> None:
        super().__init__(experts)
        self.mean_known = all(expert.mean_known for expert in experts)

    def forward(self, x: Views, present: Tensor | None = None) -> Distribution:
        """Returns q(z|x) given the modalities that are present; see `ExpertsPosterior.read`."""
        found, there = self.read(x, present)
        known = self.known(found)
        weights = there.to(torch.get_default_dtype())
        weights = weights / weights.sum(-1, keepdim=True)
        return ExpertMixture([known if p is None else p for p in found], weights)


class MixtureOfProductsPosterior(ExpertsPosterior):
    r"""A mixture of the products of all subsets of the modalities.

    .. math:: q(z \mid x) = \frac{1}{2^{|P|} - 1} \sum_{\emptyset \neq S \subseteq P} q_S(z \mid x),
        \quad q_S(z \mid x) \propto \prod_{m \in S} q_m(z \mid x_m), \quad
        P \text{ the modalities that are there}

    Its components include those of `MixturePosterior`, where S is a single modality, and the one
    of `ProductPosterior` without the standard normal.

    Sutter, Daunhawer and Vogt, 2021, Generalized multimodal ELBO, https://arxiv.org/abs/2105.02470.

    Args:
        experts: Diagonal normals, at most 10, in the order of the modalities; `ExpertsPosterior`
            describes their input.

    Raises:
        ValueError: If there are none or more than 10, or they are over different latents. When
            called: if one is not a diagonal normal.
    """

    def __init__(self, experts: Sequence[Posterior]) -> None:
        super().__init__(experts)
        if len(experts) > MOST_EXPERTS:
            raise ValueError(
                f"experts: expected at most {MOST_EXPERTS}, because M experts have 2^M - 1 "
                f"products, got {len(experts)}"
            )
        modalities = range(len(experts))
        self.subsets = [s for n in modalities for s in combinations(modalities, n + 1)]

    def forward(self, x: Views, present: Tensor | None = None) -> Distribution:
        """Returns q(z|x) given the modalities that are present; see `ExpertsPosterior.read`."""
        found, there = self.read(x, present)
        every = [self.known(found) if p is None else p for p in found]
        components: list[Any] = []
        for subset in self.subsets:
            chosen = [every[m] for m in subset]
            all_of_them = torch.ones(len(subset), dtype=torch.bool, device=there.device)
            components.append(product_of_normals(chosen, all_of_them, prior_precision=0.0))
        counted = torch.stack([there[..., list(s)].all(-1) for s in self.subsets], -1)
        weights = counted.to(torch.get_default_dtype())
        return ExpertMixture(components, weights / weights.sum(-1, keepdim=True))
