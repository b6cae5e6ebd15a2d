"""Two layers of latents of the library's own parts, linear and normal: all is known exactly.

z2 ~ N(0, I), z1|z2 ~ N(A z2 + a, s1^2 I), x|z1 ~ N(B z1 + b, s^2 I) in double precision. The
columns of A and of B are orthogonal and those of B equally long, which makes p(z2|x),
p(z2|z1) and p(x|z1) as a function of z1 diagonal normals.
"""

import math

import pyro.distributions as dist
import torch

from pyrovae.likelihoods import NormalLikelihood
from pyrovae.models import HierarchicalVAE, LadderVAE
from pyrovae.nn import MLP
from pyrovae.posteriors import FullNormalPosterior, NormalPosterior
from pyrovae.priors import NormalPrior

Z2, Z1, D = 2, 3, 4
S1, S, C = 0.8, 0.5, 1.5  # S as a float32 keeps it


def columns(rows, lengths, seed):
    """Orthogonal columns of these lengths."""
    random = torch.randn(rows, len(lengths), generator=torch.Generator().manual_seed(seed))
    return torch.linalg.qr(random.double())[0] * torch.tensor(lengths, dtype=torch.float64)


A, B = columns(Z1, [1.3, 0.7], 1), columns(D, [C**0.5] * Z1, 2)
SMALL_A, SMALL_B = (
    torch.tensor([0.2, -0.1, 0.4], dtype=torch.float64),
    torch.linspace(-1, 1, D).double(),
)


def raw(scale):
    """What a network puts out for that scale."""
    return math.log(math.expm1(scale - 1e-6))


def linear(weight, bias, *scales):
    """A linear network of that map, whose last outputs are constant."""
    constants = torch.tensor(scales, dtype=torch.float64).flatten()
    network = MLP(weight.shape[1], [], len(bias) + len(constants)).double()
    with torch.no_grad():
        network.layers[0].weight.zero_()[: len(bias)] = weight
        network.layers[0].bias.copy_(torch.cat([bias, constants]))
    return network


def normal(weight, bias, scales):
    return NormalPosterior(linear(weight, bias, [raw(float(scale)) for scale in scales]))


def model_parts():
    likelihood = NormalLikelihood(linear(B, SMALL_B), scale=S).double()
    return NormalPrior(Z2).double(), likelihood, [normal(A, SMALL_A, [S1] * Z1)]


def posterior_of_z2(reading, noise):
    """p(z2|y) for y = R z2 + noise: the map from y - E[y] to its mean, and its scales."""
    precision = 1 + (reading.mT @ reading).diagonal() / noise
    return (reading / noise / precision).mT, precision**-0.5


def bottom_up(wider=1.0):
    """The model with q(z1|x) q(z2|z1); exact, unless the scales are made wider."""
    prior, likelihood, over = model_parts()
    covariance = torch.linalg.inv(
        torch.linalg.inv(A @ A.mT + S1**2 * torch.eye(Z1).double())
        + C / S**2 * torch.eye(Z1).double()
    )
    gain = covariance @ B.mT / S**2
    # E[z1|x] = a + gain (x - b - B a)
    loc = SMALL_A - gain @ (SMALL_B + B @ SMALL_A)
    factor = torch.linalg.cholesky(covariance) * wider
    rows = [
        raw(factor[i, j].item()) if i == j else factor[i, j].item()
        for i in range(Z1)
        for j in range(i + 1)
    ]
    up, scales = posterior_of_z2(A, S1**2)
    return HierarchicalVAE(
        prior,
        [
            FullNormalPosterior(linear(gain, loc, rows)),
            normal(up, -up @ SMALL_A, scales * wider),
        ],
        likelihood,
        conditional_priors=over,
    )


def ladder(wider=1.0):
    """The model with q(z2|x) q(z1|z2, x); exact, unless the scales are made wider."""
    prior, likelihood, over = model_parts()
    back = B.mT / C  # (B' B)^-1 B'
    up, scales = posterior_of_z2(A, S1**2 + S**2 / C)
    identity = torch.eye(D).double(), torch.zeros(D).double()
    return LadderVAE(
        prior,
        [
            normal(back, -back @ SMALL_B, [S / C**0.5 * wider] * Z1),
            normal(up @ back, -up @ (back @ SMALL_B + SMALL_A), scales * wider),
        ],
        likelihood,
        conditional_priors=over,
        encoders=[linear(*identity), linear(*identity)],
    )


BOTH = {"bottom_up": bottom_up, "ladder": ladder}


def log_evidence(x):
    """Exact log p(x), (n,)."""
    z1 = A @ A.mT + S1**2 * torch.eye(Z1).double()
    covariance = B @ z1 @ B.mT + S**2 * torch.eye(D).double()
    return dist.MultivariateNormal(SMALL_B + B @ SMALL_A, covariance).log_prob(x)


def data(n=6):
    """Draws from the model, and none of them far out."""
    _, likelihood, (over,) = model_parts()
    with torch.no_grad():
        generator = torch.Generator().manual_seed(3)
        e2, e1, e = (torch.randn(n, k, generator=generator).double() for k in (Z2, Z1, D))
        return likelihood(over(e2).mean + S1 * e1).mean + S * e
