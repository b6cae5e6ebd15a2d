"""A deep hierarchy of vectors."""

from collections.abc import Sequence
from typing import Any

from torch import Size

from pyrovae.checks import check_agreement
from pyrovae.hierarchy.layers import Posteriors, make_block
from pyrovae.likelihoods import Likelihood
from pyrovae.models import TopDownLayer, TopDownVAE
from pyrovae.nn import MLP, Activation, Network
from pyrovae.nn.convolution import begin_small
from pyrovae.nn.network import as_size
from pyrovae.posteriors import NormalPosterior

__all__ = ["DenseHierarchicalVAE"]


class DenseHierarchicalVAE(TopDownVAE):
    r"""A `TopDownVAE` whose path and latents are vectors, for any data.

    .. math:: p(x, z) = \prod_{l=L}^{1} p(z_l \mid h_l) \; p(x \mid h_0), \qquad
        h_{l-1} = f_l(h_l, z_l)

    The encoder says once what the data are; priors, posteriors and the steps of the path are
    multilayer perceptrons. Each step begins small, so that many layers train from the start. A
    layer costs a few matrix products: many layers on a small machine::

        encoder = ConvEncoder((1, 28, 28), 256, channels=(32, 64))
        likelihood = BernoulliLikelihood(ConvDecoder(256, (1, 28, 28), channels=(64, 32)))
        vae = DenseHierarchicalVAE(encoder, likelihood, path_features=256, layers=12)

    Sonderby et al., 2016, Ladder variational autoencoders, https://arxiv.org/abs/1602.02282; Child,
    2021, https://arxiv.org/abs/2011.10650 (the path).

    Args:
        encoder: From the data to the features, a vector that every layer reads.
        likelihood: p(x|h), of the path.
        path_features: Length of the path, and of the encoder's features.
        layers: Layers of latents.
        latent_features: Latents of each.
        hidden: Hidden layers of each network.
        activation: Nonlinearity between these.
        posteriors: As for `DeepHierarchicalVAE`.

    Raises:
        ValueError: If a size does not fit.
    """

    def __init__(
        self,
        encoder: Network,
        likelihood: Likelihood,
        *,
        path_features: int = 256,
        layers: int = 8,
        latent_features: int = 8,
        hidden: Sequence[int] = (256,),
        activation: Activation = "silu",
        posteriors: Posteriors = "relative",
    ) -> None:
        path = as_size(path_features, "path_features")
        check_agreement("path", {"path_features": path, "likelihood": likelihood.latent_shape})
        check_agreement("features", {"path_features": path, "encoder": encoder.out_shape})
        count, latents = (
            as_size(size, name).numel()
            for size, name in ((layers, "layers"), (latent_features, "latent_features"))
        )
        options: dict[str, Any] = {"activation": activation}

        def layer() -> TopDownLayer:
            prior = NormalPosterior(MLP(path, hidden, 2 * latents, **options))
            network = MLP(2 * path[0], hidden, 2 * latents, **options)
            merge = MLP(path[0] + latents, hidden, path, **options)
            begin_small(merge.layers[-1], count**-0.5)
            return make_block(posteriors, prior, network, merge)

        super().__init__([layer() for _ in range(count)], [encoder], likelihood)

    @classmethod
    def encoder_shape(
        cls, latent_shape: Size, *, path_features: int = 256, **options: Any
    ) -> Size:
        """As long as the path."""
        return as_size(path_features, "path_features")

    @classmethod
    def decoder_shape(
        cls, latent_shape: Size, data_shape: Size, *, path_features: int = 256, **options: Any
    ) -> Size:
        """The path."""
        return as_size(path_features, "path_features")
