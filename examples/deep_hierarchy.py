"""Layers of latents at several resolutions, along a path that model and guide share.

python examples/deep_hierarchy.py
python examples/deep_hierarchy.py --data mnist --root data --channels [16,32,32] --layers [2,4,4]
"""

import pyro
import torch

from pyrovae import evaluate, fit, load_data, plots
from pyrovae.cli import run
from pyrovae.hierarchy import DeepHierarchicalVAE
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import ResidualDecoder
from pyrovae.objectives import FreeBitsELBO
from pyrovae.schedules import LinearWarmup
from pyrovae.training import WeightAverage


def main(
    data: str = "digits",
    root: str = "data",
    channels: list[int] | None = None,
    layers: list[int] | None = None,
    latent_channels: int = 4,
    free_nats: float = 0.1,
    batch_size: int = 64,
    epochs: int = 40,
    samples: int = 200,
) -> None:
    """Trains on images binarized anew each time; prints log p(x) and what each layer says."""
    loaded = load_data(data, root=root, binarization="dynamic")
    channels = channels or [16, 24, 32]  # at the images' size, a half and a quarter of it
    pyro.set_rng_seed(0)
    path = (channels[0], *loaded.shape[1:])
    network = ResidualDecoder(path, loaded.shape, channels=channels[:1])
    vae = DeepHierarchicalVAE(
        BernoulliLikelihood(network),
        channels=channels,
        layers=layers or [2, 2, 2],
        latent_features=latent_channels,
    )
    average = WeightAverage(0.99)
    history = fit(
        vae,
        loaded,
        objective=FreeBitsELBO(free_nats=free_nats),  # of each layer
        optimizer=lambda parameters: torch.optim.Adamax(parameters, lr=2e-3),
        beta=LinearWarmup(max(1, epochs // 3)),
        clip_norm=200.0,
        skip_norm=2000.0,
        average=average,
        batch_size=batch_size,
        epochs=epochs,
    )
    print(f"{sum(history.column('skipped'))} steps were left out")
    with average.applied(vae):
        print(evaluate(vae, loaded.test.take(10_000), samples=samples))
        plots.samples(vae).savefig("deep_hierarchy.png")


if __name__ == "__main__":
    run(main)
