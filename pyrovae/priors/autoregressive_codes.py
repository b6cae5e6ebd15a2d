"""Autoregressive priors over the codes of a codebook."""

from typing import Any

from torch import Tensor, nn
from torch.distributions import Categorical, Distribution

from pyrovae.distributions import Autoregressive, Codes
from pyrovae.distributions.special import normalized
from pyrovae.nn.causal import Causal, CausalRecurrent, Conditionals, layout
from pyrovae.nn.causal_transformer import CausalTransformer
from pyrovae.nn.pixel_cnn import GatedPixelCNN
from pyrovae.posteriors.base import Posterior
from pyrovae.priors.base import Prior
from pyrovae.priors.categorical_codes import codebook_of

__all__ = [
    "AutoregressiveCodePrior",
    "PixelCNNCodePrior",
    "SequentialCodePrior",
    "TransformerCodePrior",
]


class SequentialCodePrior(Prior):
    r"""An autoregressive prior over codes: each code depends on all codes before it.

    .. math:: p(z) = \prod_i \operatorname{softmax}(f(k_1, \dots, k_{i-1}))_{k_i},
        \qquad z_i = e_{k_i}

    The codes are ordered row by row. All codes of one grid point come one after another, those of
    the first stage first. The gradient stops at the codebook, so the prior can be trained together
    with the model or, at a lower cost, after it (`Density`). A draw takes one step of the network
    for each code and caches what earlier steps computed.

    Subclasses provide the network.

    Args:
        posterior: The posterior that owns the codebook.
        causal: The network; its output for a code depends only on the codes before it.
        features: Number of features of the network.

    Raises:
        ValueError: If the posterior has no codebook.
    """

    latent_kind = "code"

    def __init__(self, posterior: Posterior, causal: Causal, features: int) -> None:
        super().__init__()
        self.posterior = codebook_of(posterior)
        self.latent_shape = self.posterior.latent_shape
        codes, places = self.posterior.codebook.codes, self.posterior.code_shape.numel()
        self.network = Conditionals(
            causal,
            nn.Embedding(codes, features),
            places=places,
            features=features,
            parameters=codes,
        )

    def forward(self) -> Distribution:
        """Returns the distribution of latents that consist of codes."""
        indices = Autoregressive(self.network, _code, self.posterior.code_shape)
        return Codes(indices, self.posterior.codebook())


class AutoregressiveCodePrior(SequentialCodePrior):
    r"""An autoregressive prior over codes with a recurrent network.

    .. math:: p(z) = \prod_i \operatorname{softmax}(f(k_1, \dots, k_{i-1}))_{k_i},
        \qquad z_i = e_{k_i}

    The network is a gated recurrent unit that reads the previous code and its position. The codes
    are ordered row by row, with all codes of one grid point in sequence. The gradient reaches no
    other part of the model, so the prior can be trained together with the model or, at a lower
    cost, after it (`Density`).

    van den Oord, Vinyals and Kavukcuoglu, 2017, https://arxiv.org/abs/1711.00937 (with a
    PixelCNN); Cho et al., 2014, Learning phrase representations using RNN encoder-decoder,
    https://arxiv.org/abs/1406.1078 (the unit).

    Args:
        posterior: The posterior that owns the codebook.
        hidden: Number of hidden units.

    Raises:
        ValueError: If the posterior has no codebook or ``hidden`` is below 1.
    """

    def __init__(self, posterior: Posterior, *, hidden: int = 128) -> None:
        if hidden < 1:
            raise ValueError(f"hidden: expected at least 1 unit, got {hidden}")
        super().__init__(posterior, CausalRecurrent(hidden), hidden)


class PixelCNNCodePrior(SequentialCodePrior):
    r"""An autoregressive prior over codes with masked, gated convolutions over their grid.

    .. math:: p(z) = \prod_i \operatorname{softmax}(f(k_1, \dots, k_{i-1}))_{k_i},
        \qquad z_i = e_{k_i}

    The codes are ordered row by row, with all codes of one grid point in sequence. The gradient
    reaches no other part of the model, so the prior can be trained together with the model or, at
    a lower cost, after it (`Density`). A draw takes one step of the network for each code and
    caches what earlier steps computed.

    van den Oord et al., 2016, Conditional image generation with PixelCNN decoders,
    https://arxiv.org/abs/1606.05328; van den Oord, Vinyals and Kavukcuoglu, 2017,
    https://arxiv.org/abs/1711.00937.

    Args:
        posterior: The posterior that owns the codebook.
        features: Channels of the convolutions.
        layers: Number of layers.
        kernel: Width and height of the kernels, an odd number.

    Raises:
        ValueError: If the posterior has no codebook, there is no layer or channel, or the kernel
            size is even.
    """

    def __init__(
        self, posterior: Posterior, *, features: int = 64, layers: int = 5, kernel: int = 3
    ) -> None:
        rows, columns = layout(codebook_of(posterior).code_shape)
        causal = GatedPixelCNN(rows, columns, features=features, layers=layers, kernel=kernel)
        super().__init__(posterior, causal, features)


class TransformerCodePrior(SequentialCodePrior):
    r"""An autoregressive prior over codes with a transformer that attends to all earlier codes.

    .. math:: p(z) = \prod_i \operatorname{softmax}(f(k_1, \dots, k_{i-1}))_{k_i},
        \qquad z_i = e_{k_i}

    The codes are ordered row by row, with all codes of one grid point in sequence. The gradient
    reaches no other part of the model, so the prior can be trained together with the model or, at
    a lower cost, after it (`Density`). A draw takes one step of the network for each code and
    caches what earlier steps computed.

    Vaswani et al., 2017, Attention is all you need, https://arxiv.org/abs/1706.03762; Esser,
    Rombach and Ommer, 2021, Taming transformers for high-resolution image synthesis,
    https://arxiv.org/abs/2012.09841 (over codes).

    Args:
        posterior: The posterior that owns the codebook.
        features: Number of features of the transformer.
        heads: Number of attention heads; must divide ``features``.
        layers: Number of layers.

    Raises:
        ValueError: If the posterior has no codebook, there is no layer, or the number of features
            is not divisible by the number of heads.
    """

    def __init__(
        self, posterior: Posterior, *, features: int = 64, heads: int = 4, layers: int = 2
    ) -> None:
        causal = CausalTransformer(features=features, heads=heads, layers=layers)
        super().__init__(posterior, causal, features)


def _code(logits: Tensor) -> Any:
    return Categorical(logits=normalized(logits).unsqueeze(-2))
