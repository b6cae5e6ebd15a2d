"""VampPrior: a mixture of posteriors at learned pseudo-inputs."""

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from pyrovae.distributions import Mixture
from pyrovae.nn.modes import evaluation_mode
from pyrovae.posteriors.base import Posterior
from pyrovae.priors.base import Prior

__all__ = ["VampPrior"]


class VampPrior(Prior):
    r"""The mixture of the posteriors of learned pseudo-inputs (VampPrior).

    .. math:: p(z) = \frac{1}{C} \sum_{c=1}^{C} q(z \mid u_c)

    The pseudo-inputs :math:`u_c` are parameters, trained with the rest of the model. The
    posterior's network is trained both as the encoder and through this prior. Here the posterior
    is called in evaluation mode: otherwise dropout would make the prior random, and the
    pseudo-inputs would enter the running statistics of batch normalisation as if they were data.

    Tomczak and Welling, 2018, VAE with a VampPrior, https://arxiv.org/abs/1705.07120.

    Args:
        posterior: The model's own posterior q(z|x).
        pseudo_inputs: Data to initialise the pseudo-inputs with, ``(n, *data_shape)``.
        components: Number of pseudo-inputs, drawn from ``pseudo_inputs`` at random without
            replacement. If None, all of them are used, in their order.

    Raises:
        ValueError: If there are fewer pseudo-inputs than components, if their shape differs from
            the posterior's ``data_shape``, or if the posterior cannot evaluate its density at
            arbitrary values.
    """

    def __init__(
        self, posterior: Posterior, *, pseudo_inputs: Tensor, components: int | None = None
    ) -> None:
        super().__init__()
        if not posterior.density_everywhere:
            raise ValueError(
                f"posterior: {type(posterior).__name__} can only evaluate the density of its own "
                "draws, but a VampPrior evaluates other latents under the posteriors of its "
                "pseudo-inputs"
            )
        if posterior.data_shape is not None and pseudo_inputs.shape[1:] != posterior.data_shape:
            raise ValueError(
                f"pseudo_inputs: expected data of shape {tuple(posterior.data_shape)}, "
                f"got {tuple(pseudo_inputs.shape[1:])}"
            )
        n = len(pseudo_inputs)
        if n < 1 or (components is not None and not 1 <= components <= n):
            raise ValueError(
                f"components: expected from 1 to the number of pseudo-inputs, {n}, "
                f"got {components}"
            )
        if components is not None:
            pseudo_inputs = pseudo_inputs[torch.randperm(n)[:components]]
        self.latent_shape = posterior.latent_shape
        self.latent_kind = posterior.latent_kind
        self.posterior = posterior
        self.pseudo_inputs = nn.Parameter(pseudo_inputs.detach().clone())
        self.register_buffer("logits", torch.zeros(len(self.pseudo_inputs)))

    def forward(self) -> Distribution:
        """Returns the mixture, with the posterior's event shape."""
        with evaluation_mode(self.posterior):
            components = self.posterior(self.pseudo_inputs)
        return Mixture(dist.Categorical(logits=self.logits), components)
