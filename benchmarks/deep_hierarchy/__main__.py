"""Trains a deep hierarchy by a protocol, and reports log p(x) and bits per dim of test data.

    python -m benchmarks.deep_hierarchy --protocol mnist --root data
    python -m benchmarks.deep_hierarchy --protocol cifar10 --root data --out runs/cifar10
    torchrun --standalone --nproc-per-node 2 -m benchmarks.deep_hierarchy --root data  # two cores

A protocol is a file in ``protocols/``, whose head says what machine it is for. The learning rate falls
along a half cosine. An interrupted run goes on from its checkpoint.
"""

from pathlib import Path
from typing import Any, Literal

import pyro
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from pyrovae import evaluate, fit, load_data, save
from pyrovae.cli import run
from pyrovae.hierarchy import DeepHierarchicalVAE, DenseHierarchicalVAE
from pyrovae.models import TopDownVAE
from pyrovae.nn import MLP, ConvEncoder, ResidualDecoder
from pyrovae.nn.conv import halved
from pyrovae.objectives import FreeBitsELBO
from pyrovae.ranks import present
from pyrovae.schedules import LinearWarmup
from pyrovae.specifications import SLOTS, check_spec, instantiate, parse_yaml
from pyrovae.training import WeightAverage

PROTOCOLS = Path(__file__).parent / "protocols"


def read(name: str) -> dict[str, Any]:
    """A protocol by its name."""
    found: dict[str, Any] = parse_yaml((PROTOCOLS / f"{name}.yaml").read_text(), name)
    return found


def make(protocol: dict[str, Any], shape: torch.Size) -> TopDownVAE:
    """The model of a protocol, for data of a shape."""
    options = protocol["hierarchy"]
    return (of_maps if "bottleneck" in options else of_vectors)(
        protocol["likelihood"], shape, options
    )


def of_vectors(spec: dict[str, Any], shape: torch.Size, options: dict[str, Any]) -> TopDownVAE:
    """A hierarchy of vectors, between convolutions that read the image and an MLP that makes one."""
    width = options["width"]
    encoder = ConvEncoder(shape, width, channels=options["channels"], dense=[], activation="silu")
    network = MLP(width, options["decoder"], network_shape(spec, shape), activation="silu")
    return DenseHierarchicalVAE(
        encoder,
        instantiate(spec, SLOTS["likelihood"], known={"network": network}),
        path_features=width,
        layers=options["layers"],
        latent_features=options["latent_features"],
        hidden=[width],
    )


def of_maps(spec: dict[str, Any], shape: torch.Size, options: dict[str, Any]) -> TopDownVAE:
    """A hierarchy of maps, of residual networks."""
    channels, layers = options["channels"], options["layers"]
    first, patch = next(level for level, n in enumerate(layers) if n), options.get("patch", 1)
    network = ResidualDecoder(
        (channels[first], *halved([n // patch for n in shape[1:]], first)[-1]),
        network_shape(spec, shape),
        channels=channels[first::-1],
        blocks=options["blocks"],
        bottleneck=options["bottleneck"],
        patch=patch,
    )
    likelihood = instantiate(spec, SLOTS["likelihood"], known={"network": network})
    return DeepHierarchicalVAE(likelihood, **options)


def network_shape(spec: dict[str, Any], shape: torch.Size) -> torch.Size:
    """What a likelihood's network gives for data of a shape."""
    likelihood: Any = check_spec(spec, SLOTS["likelihood"])
    found: torch.Size = likelihood.network_shape(shape, **spec.get("init_args", {}))
    return found


def training(p: dict[str, Any], epochs: int) -> dict[str, Any]:
    """How `fit` is to train by a protocol, for a number of epochs."""
    return {
        "objective": FreeBitsELBO(free_nats=p["free_nats"]),
        "optimizer": lambda parameters: torch.optim.Adamax(parameters, lr=p["learning_rate"]),
        "scheduler": lambda optimizer: CosineAnnealingLR(
            optimizer, epochs, eta_min=p["final_learning_rate"]
        ),
        "beta": LinearWarmup(p["warmup"]),
        "epochs": epochs,
        **{name: p[name] for name in ("clip_norm", "skip_norm", "batch_size", "compile")},
    }


def main(
    protocol: Literal["mnist", "mnist_vectors", "cifar10"] = "mnist",
    root: str = "data",
    out: str = "runs/deep_hierarchy",
    epochs: int | None = None,
) -> None:
    """Trains and evaluates."""
    p = read(protocol)
    data = load_data(p["data"], root=root, binarization=p["binarization"])
    pyro.set_rng_seed(0)
    vae = make(p, data.shape)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    planned = epochs or p["epochs"]
    checkpoint, average = folder / "checkpoint.pt", WeightAverage(p["average"])
    history = fit(
        vae,
        data,
        **training(p, planned),
        average=average,
        checkpoint=checkpoint,
        resume=checkpoint.is_file(),
    )
    with average.applied(vae):
        report = evaluate(vae, data.test, samples=p["samples"])
        if present().is_first:
            history.save(folder / "history.csv")
            save(vae, folder / "model.pt")
            print(report)


if __name__ == "__main__":
    run(main)
