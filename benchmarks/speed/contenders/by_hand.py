"""The VAE in plain PyTorch: eager, or loss and gradients compiled as one graph."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from benchmarks.speed.cases import Case
from benchmarks.speed.contenders.by_hand_residual import residuals
from benchmarks.speed.data import Task, order
from benchmarks.speed.turns import Turns, Weights

__all__ = ["Network", "batches", "draw_bits", "log_likelihood", "run", "waiting"]

ACTIVATIONS = {"softplus": nn.Softplus, "tanh": nn.Tanh, "relu": nn.ReLU, "silu": nn.SiLU}


class Network(nn.Module):
    """Encoder and decoder of a case; its call is the loss, minus the bound's mean over the batch.

    With one draw the KL is in closed form, as one writes it by hand.
    """

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.case = case
        layers = residuals if case.blocks else convolutions if case.dense else perceptrons
        self.encoder, self.decoder = layers(case)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and scale of q(z|x)."""
        loc, raw = self.encoder(x).chunk(2, -1)
        return loc, softplus(raw) + 1e-6

    def noise(self, n: int, draws: int | None = None) -> Tensor:
        """Standard normals for ``n`` images, ``(K, n, latents)`` of a bound with particles."""
        draws = draws or self.case.particles
        shape = (n, self.case.latents)
        device = next(self.parameters()).device
        return torch.randn((draws, *shape) if draws else shape, device=device)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """The loss at the draws that the noise makes."""
        if self.case.particles:
            log_weights = self.log_weights(x, noise)
            bound = log_weights.logsumexp(0) - math.log(len(log_weights))
            return -bound.mean()
        loc, scale = self.posterior(x)
        logits = self.decoder(loc + scale * noise)
        missed = binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = (0.5 * (loc.square() + scale.square() - 1) - scale.log()).sum()
        return (missed + kl) / len(x)

    def log_weights(self, x: Tensor, noise: Tensor) -> Tensor:
        """Log p(x, z) - log q(z|x) for each draw and image, ``(K, n)``."""
        loc, scale = self.posterior(x)
        z = loc + scale * noise
        logits = self.decoder(z)
        x = x.expand_as(logits)
        reconstruction = -binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
        # The constants of the two normals cancel.
        return reconstruction + (0.5 * (noise.square() - z.square()) + scale.log()).sum(-1)

    def weights(self) -> Weights:
        """The parameters, encoder first."""
        return [parameter.detach().cpu().numpy().copy() for parameter in self.parameters()]

    def take(self, weights: Weights) -> "Network":
        """Puts weights in."""
        with torch.no_grad():
            for parameter, value in zip(self.parameters(), weights, strict=True):
                parameter.copy_(torch.from_numpy(value))
        return self


def perceptrons(case: Case) -> tuple[nn.Module, nn.Module]:
    """The fully connected encoder and decoder."""
    activation = ACTIVATIONS[case.activation]

    def chain(*sizes: int) -> nn.Module:
        layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), activation())]
        return nn.Sequential(*layers[:-1])

    return (
        chain(case.pixels, *case.hidden, 2 * case.latents),
        chain(case.latents, *reversed(case.hidden), case.pixels),
    )


def convolutions(case: Case) -> tuple[nn.Module, nn.Module]:
    """The convolutional encoder and decoder: each layer of stride 2 halves or doubles an image."""
    activation = ACTIVATIONS[case.activation]
    deepest, size = case.hidden[-1], 28 // 2 ** len(case.hidden)
    encoder: list[nn.Module] = [nn.Unflatten(1, (1, 28, 28))]
    for a, b in pairwise((1, *case.hidden)):
        encoder += [nn.Conv2d(a, b, 3, stride=2, padding=1), activation()]
    encoder += [nn.Flatten(), nn.Linear(deepest * size**2, case.dense), activation()]
    encoder += [nn.Linear(case.dense, 2 * case.latents)]
    decoder: list[nn.Module] = [nn.Linear(case.latents, deepest * size**2), activation()]
    decoder += [nn.Unflatten(1, (deepest, size, size))]
    for a, b in pairwise((deepest, *reversed(case.hidden))):
        layer = nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=1)
        decoder += [layer, activation()]
    decoder += [nn.Conv2d(case.hidden[0], 1, 3, padding=1), nn.Flatten()]
    return nn.Sequential(*encoder), nn.Sequential(*decoder)


def draw_bits(x: Tensor) -> Tensor:
    """Zeros and ones with the grey levels as probabilities."""
    return (torch.rand_like(x) < x).to(x.dtype)


def batches(case: Case, images: Tensor) -> Iterator[Iterator[Tensor]]:
    """For each epoch its batches, gathered from memory and binarized if the case asks for it."""

    def gathered(rows: Tensor) -> Iterator[Tensor]:
        for index in rows:
            x = images.index_select(0, index)
            yield draw_bits(x) if case.binarization == "dynamic" else x

    for rows in order(case):
        yield gathered(torch.from_numpy(rows).to(images.device))


def waiting(task: Task) -> Callable[[], None] | None:
    """What waits for the device at the ends of a measurement; nothing on the CPU."""
    return torch.cuda.synchronize if task.device == "cuda" else None


def run(task: Task, turn: Turns, variant: str) -> None:
    """Trains, or estimates log-likelihoods, one epoch a turn."""
    images = torch.from_numpy(task.images()).to(task.device)
    if task.case.samples:
        evaluate(task, images, turn, variant)
    turn(wait=waiting(task))
    torch.manual_seed(0)
    network = Network(task.case).take(task.weights()).to(task.device)
    optim = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    on_cpu = compiled if task.device == "cpu" else graphed
    step = (on_cpu if variant == "compiled" else eager)(network, optim)
    for epoch in batches(task.case, images):
        for x in epoch:
            step(x)
        turn(network.weights, wait=waiting(task))


def eager(network: Network, optim: torch.optim.Optimizer) -> Callable[[Tensor], object]:
    """The step as one writes it first."""

    def step(x: Tensor) -> None:
        optim.zero_grad(set_to_none=True)
        network(x, network.noise(len(x))).backward()
        optim.step()

    return step


def compiled(network: Network, optim: torch.optim.Optimizer) -> Callable[[Tensor], object]:
    """Loss and gradients as one compiled graph, which the noise enters from outside.

    Of what was tried this is the fastest: compiling the loss alone leaves the backward pass to
    autograd's engine, and noise drawn within the graph comes from a slower generator.
    """
    parameters = dict(network.named_parameters())

    def loss(parameters: dict[str, Tensor], x: Tensor, noise: Tensor) -> Tensor:
        return functional_call(network, parameters, (x, noise))

    @torch.compile(fullgraph=True, dynamic=False)
    def differentiate(
        parameters: dict[str, Tensor], x: Tensor, noise: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        return grad_and_value(loss)(parameters, x, noise)

    def step(x: Tensor) -> None:
        detached = {name: parameter.detach() for name, parameter in parameters.items()}
        gradients, _ = differentiate(detached, x, network.noise(len(x)))
        for name, parameter in parameters.items():
            parameter.grad = gradients[name]
        optim.step()

    return step


def graphed(network: Network, optim: torch.optim.Optimizer) -> Callable[[Tensor], object]:
    """Loss and backward pass compiled for a GPU, each a CUDA graph of torch's own making.

    The parameters belong to the compiled module, so that torch does not copy them at each call.
    """
    loss = torch.compile(network, fullgraph=True, dynamic=False, mode="reduce-overhead")

    def step(x: Tensor) -> None:
        torch.compiler.cudagraph_mark_step_begin()
        optim.zero_grad(set_to_none=True)
        loss(x, network.noise(len(x))).backward()
        optim.step()

    return step


@torch.no_grad()
def log_likelihood(
    log_weights: Callable[[Tensor, Tensor], Tensor], case: Case, images: Tensor
) -> float:
    """Mean importance-sampled log-likelihood, a few images with all their draws at a time."""
    total = 0.0
    for x in images.split(max(1, 8000 // case.samples)):
        noise = torch.randn(case.samples, len(x), case.latents, device=x.device)
        total += (log_weights(x, noise).logsumexp(0) - math.log(case.samples)).sum().item()
    return total / len(images)


def evaluate(task: Task, images: Tensor, turn: Turns, variant: str) -> None:
    """One estimate of all images a turn."""
    turn()
    torch.manual_seed(0)
    network = Network(task.case).take(task.weights()).to(task.device)
    log_weights = network.log_weights
    if variant == "compiled":
        log_weights = torch.compile(log_weights)
    while True:
        turn(result=log_likelihood(log_weights, task.case, images))
