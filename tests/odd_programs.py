"""Programs with a fault: densities that are none, and sites that are NaN for some data."""

import math

import pyro
import pyro.distributions as dist
import torch
from fixed_posterior import FixedPosterior
from tiny import FEATURES, tiny_vae
from torch import nn


class Shifted(dist.Normal):
    """A normal whose log-density is off by a constant for each variable."""

    def __init__(self, loc, scale, by):
        super().__init__(loc, scale)
        self.by = by

    def expand(self, batch_shape, _instance=None):
        return Shifted(self.loc.expand(batch_shape), self.scale.expand(batch_shape), self.by)

    def log_prob(self, value):
        return super().log_prob(value) + self.by


class ShiftedPosterior(FixedPosterior):
    def __init__(self, by):
        super().__init__(torch.eye(FEATURES)[:, :2])
        self.by = by

    def forward(self, x):
        return Shifted(x @ self.matrix, torch.tensor(1.0), self.by).to_event(1)


class NaNWhereOnes(nn.Module):
    """A VAE, but for a site that is NaN for data that begin with a one."""

    def __init__(self, site):
        super().__init__()
        self.vae, self.site = tiny_vae(), site

    def model(self, x):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", self.vae.prior())
            odd = torch.where(x[:, :1] == 1, math.nan, 0.0) if self.site == "x" else 0.0
            pyro.sample(
                "x", dist.Bernoulli(logits=self.vae.likelihood.network(z) + odd).to_event(1), obs=x
            )

    def guide(self, x):
        with pyro.plate("data", len(x), dim=-1):
            q = self.vae.posterior(x).base_dist
            odd = torch.where(x[:, :1] == 1, math.nan, 0.0) if self.site == "z" else 0.0
            pyro.sample("z", dist.Normal(q.loc + odd, q.scale).to_event(1))
