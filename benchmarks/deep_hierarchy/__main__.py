"""Trains a deep hierarchy by a protocol, and reports log p(x) and bits per dim of test data.

    python -m benchmarks.deep_hierarchy --protocol mnist --root data
    python -m benchmarks.deep_hierarchy --protocol cifar10 --root data --out runs/cifar10

A protocol is a file in ``protocols/``, whose head says what machine it is for. A run that was broken
off goes on from its checkpoint.
"""

from pathlib import Path
from typing import Any, Literal

import pyro
import torch

from pyrovae import evaluate, fit, load_data, save
from pyrovae.cli import run
from pyrovae.hierarchy import residual_hierarchy
from pyrovae.models import TopDownVAE
from pyrovae.nn import ResidualDecoder
from pyrovae.objectives import FreeBitsELBO
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
    spec = protocol["likelihood"]
    likelihood: Any = check_spec(spec, SLOTS["likelihood"])
    out = likelihood.network_shape(shape, **spec.get("init_args", {}))
    width = protocol["channels"][0]
    network = ResidualDecoder((width, *shape[1:]), out, channels=[width])
    return residual_hierarchy(
        instantiate(spec, SLOTS["likelihood"], known={"network": network}),
        channels=protocol["channels"],
        layers=protocol["layers"],
        latent_channels=protocol["latent_channels"],
        blocks=protocol["blocks"],
        checkpointing=protocol.get("checkpointing", False),
    )


def main(
    protocol: Literal["mnist", "cifar10"] = "mnist",
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
    checkpoint, average = folder / "checkpoint.pt", WeightAverage(p["average"])
    fit(
        vae,
        data,
        objective=FreeBitsELBO(free_nats=p["free_nats"]),
        optimizer=lambda parameters: torch.optim.Adamax(parameters, lr=p["learning_rate"]),
        beta=LinearWarmup(p["warmup"]),
        clip_norm=p["clip_norm"],
        skip_norm=p["skip_norm"],
        average=average,
        batch_size=p["batch_size"],
        epochs=epochs or p["epochs"],
        checkpoint=checkpoint,
        resume=checkpoint.is_file(),
    ).save(folder / "history.csv")
    with average.applied(vae):
        report = evaluate(vae, data.test, samples=p["samples"])
        save(vae, folder / "model.pt")
    print(report)


if __name__ == "__main__":
    run(main)
