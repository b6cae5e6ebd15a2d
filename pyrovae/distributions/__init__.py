"""Distributions that Pyro lacks in the form a VAE needs."""

from pyrovae.distributions.grey_bernoulli import GreyBernoulli
from pyrovae.distributions.mixture import Mixture

__all__ = ["GreyBernoulli", "Mixture"]
