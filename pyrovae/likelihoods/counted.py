"""The check that likelihoods around a likelihood of counts share."""

from torch import Size

from pyrovae.likelihoods.base import Likelihood

__all__ = ["check_counted"]


def check_counted(likelihood: Likelihood) -> tuple[Size, Size]:
    """Returns the shapes of one latent and one datum of a likelihood of independent counts.

    Raises:
        ValueError: If it is not such a likelihood, or does not declare its shapes.
    """
    latents, data = likelihood.latent_shape, likelihood.data_shape
    if not likelihood.independent_counts or latents is None or data is None:
        raise ValueError(
            "likelihood: expected a likelihood of independent counts, such as PoissonLikelihood "
            f"or NegativeBinomialLikelihood, got {type(likelihood).__name__}"
        )
    return latents, data
