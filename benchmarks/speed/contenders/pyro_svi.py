"""Pyro: the loop of its VAE example, and SVI on data that lie in memory."""

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import SVI, RenyiELBO, Trace_ELBO
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.speed.contenders.by_hand import Network, batches, draw_bits, waiting
from benchmarks.speed.data import Task
from benchmarks.speed.turns import Turns

__all__ = ["run"]


class Programs(nn.Module):
    """Model and guide on the networks of a case.

    Args:
        network: Encoder and decoder.
        probs: Whether the likelihood is given probabilities, as in Pyro's example.
    """

    def __init__(self, network: Network, *, probs: bool) -> None:
        super().__init__()
        self.network, self.probs = network, probs

    def model(self, x: Tensor) -> None:
        """p(z) p(x|z)."""
        pyro.module("decoder", self.network.decoder)
        with pyro.plate("data", len(x), dim=-1):
            zeros = x.new_zeros(len(x), self.network.case.latents)
            z = pyro.sample("z", dist.Normal(zeros, torch.ones_like(zeros)).to_event(1))
            logits = self.network.decoder(z)
            pixels = (
                dist.Bernoulli(torch.sigmoid(logits), validate_args=False)
                if self.probs
                else dist.Bernoulli(logits=logits, validate_args=False)
            )
            pyro.sample("x", pixels.to_event(1), obs=x)

    def guide(self, x: Tensor) -> None:
        """q(z|x)."""
        pyro.module("encoder", self.network.encoder)
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Normal(*self.network.posterior(x)).to_event(1))


class Images(Dataset[Tensor]):
    """Images one by one, each made a picture and a tensor again, as torchvision's MNIST does."""

    def __init__(self, images: Tensor) -> None:
        from torchvision.transforms import ToTensor

        self.images, self.transform = images.view(-1, 28, 28), ToTensor()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        from PIL import Image

        return self.transform(Image.fromarray(self.images[index].numpy()))


def run(task: Task, turn: Turns, variant: str) -> None:
    """Trains one epoch a turn."""
    (example if variant == "example" else tensors)(task, turn)


def tensors(task: Task, turn: Turns) -> None:
    """``svi.step`` on batches gathered from memory."""
    case, images = task.case, torch.from_numpy(task.images()).to(task.device)
    turn()
    programs = Programs(start(task), probs=False)
    loss = (
        RenyiELBO(
            alpha=0,
            num_particles=case.particles,
            vectorize_particles=True,
            max_plate_nesting=1,
        )
        if case.particles
        else Trace_ELBO()
    )
    svi = SVI(programs.model, programs.guide, pyro.optim.Adam({"lr": 1e-3}), loss=loss)
    for epoch in batches(case, images):
        for x in epoch:
            svi.step(x)
        turn(programs.network.weights, wait=waiting(task))


def example(task: Task, turn: Turns) -> None:
    """A DataLoader without worker processes, and ``svi.step`` on what it gives."""
    case, images = task.case, torch.from_numpy(task.bytes())
    turn()
    programs = Programs(start(task), probs=True)
    svi = SVI(programs.model, programs.guide, pyro.optim.Adam({"lr": 1e-3}), loss=Trace_ELBO())
    loader = DataLoader(Images(images), batch_size=case.batch, shuffle=True)
    while True:
        for x in loader:
            x = x.reshape(-1, 784).to(task.device)
            svi.step(draw_bits(x) if case.binarization == "dynamic" else x)
        turn(programs.network.weights, wait=waiting(task))


def start(task: Task) -> Network:
    """The weights that all begin with, and an empty parameter store."""
    pyro.set_rng_seed(0)
    pyro.clear_param_store()
    return Network(task.case).take(task.weights()).to(task.device)
