"""Models whose codes can be read off the data, and data for them."""

import torch
from torch import nn
from torch.distributions import Independent, Normal

IMAGE = (1, 4, 6)
RGB = (3, 4, 6)
TABLE = (5,)


class Fake(nn.Module):
    """A datum shows its code: feature i has the value 0.5 + 0.1 * code[i % latent]."""

    def __init__(self, shape=IMAGE, *, latent=(2,), declares=True):
        super().__init__()
        self.shape = torch.Size(shape)
        self.latent = torch.Size(latent)
        if declares:
            self.latent_shape = self.latent
            self.data_shape = self.shape

    def encode(self, x):
        return ((x.flatten(1)[:, : self.latent.numel()] - 0.5) / 0.1).unflatten(1, self.latent)

    def decode(self, z):
        index = torch.arange(self.shape.numel()) % self.latent.numel()
        mean = (0.5 + 0.1 * z.flatten(1)[:, index]).unflatten(1, self.shape)
        return Independent(Normal(mean, 1.0), len(self.shape))

    def reconstruct(self, x):
        return self.decode(self.encode(x)).mean

    def sample(self, n):
        return self.decode(torch.randn(n, *self.latent)).mean


class FakeHierarchy(Fake):
    """Two latents: "z1" shows in the even features, "z2" in the odd ones."""

    def __init__(self, shape=IMAGE):
        super().__init__(shape, latent=(4,), declares=False)

    def encode(self, x):
        z = super().encode(x)
        return {"z1": z[:, 0::2], "z2": z[:, 1::2]}

    def sample(self, n):
        return self.decode({"z1": torch.randn(n, 2), "z2": torch.randn(n, 2)}).mean

    def decode(self, z):
        return super().decode(torch.stack([z["z1"], z["z2"]], dim=-1).flatten(1))


def batch(n, shape=IMAGE, *, seed=0):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed))
