"""Programs without noise, whose losses and gradients are known, and optimizers that only look."""

import math
from functools import partial

import pyro
import pyro.distributions as dist
import pyro.infer
import torch
from torch import nn
from torch.optim import SGD
from torch.utils.data import Dataset

STILL = partial(SGD, lr=0.0)


class Keeper(SGD):
    """Never moves, and notes each step's gradients in `seen`."""

    def __init__(self, parameters, seen):
        super().__init__(parameters, lr=0.0)
        self.seen = seen

    def step(self, closure=None):
        gradients = [p.grad.clone() for group in self.param_groups for p in group["params"]]
        self.seen.append(torch.cat([gradient.flatten() for gradient in gradients]))


class Pairs(Dataset):
    """Data as a user's data set gives them: images and labels."""

    def __init__(self, x):
        self.x = x

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], i % 3


class PointModel:
    """No module at all: x ~ N(m, 1) and a latent that the guide puts at its prior.

    With q(z) = p(z) the KL term is zero for every draw, so the loss is exact:
    the mean over the data of (x - m)^2 / 2 + log(2 pi) / 2.
    """

    def __init__(self, m=0.0):
        self.m = nn.Parameter(torch.tensor([float(m)]))

    def parameters(self):
        return [self.m]

    def model(self, x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Normal(torch.zeros(1), 1).to_event(1))
            pyro.sample("x", dist.Normal(self.m, 1).to_event(1), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Normal(torch.zeros(1), 1).to_event(1))


def gaussian_loss(x, m):
    return ((x - m) ** 2 / 2).mean().item() + math.log(2 * math.pi) / 2


class DependentPosteriorModel(PointModel):
    """q(z) = N(a, 1), p(z) = N(0, 1), x ~ N(m, 1): KL = a^2 / 2, and the likelihood ignores z."""

    def __init__(self):
        super().__init__(0.0)
        self.a = nn.Parameter(torch.tensor([2.0]))

    def parameters(self):
        return [self.m, self.a]

    def guide(self, x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Normal(self.a, 1).to_event(1))
