"""Compares priors, objectives or precisions at one equal budget: same network, data, epochs and seeds.

    python benchmarks/compare.py priors
    python benchmarks/compare.py objectives
    python benchmarks/compare.py precisions
    python benchmarks/compare.py priors --data mnist --root data --epochs 10 --seeds [0]

Data are binarized anew each time they are drawn. The table says the importance-sampled
log-likelihood of the test data in nats per datum: its mean over the seeds and ``seed_se``, the
standard error of that mean. A figure shows each seed.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal

import pyro
from matplotlib.figure import Figure

from pyrovae import VAE, evaluate, fit, load_data
from pyrovae.cli import run
from pyrovae.datasets import Data
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import (
    ELBO,
    DoublyReparameterizedELBO,
    ImportanceWeightedELBO,
    RenyiELBO,
    StickingTheLandingELBO,
)
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import ExemplarPrior, FlowPrior, MixturePrior, NormalPrior, VampPrior

PRIORS: dict[str, Callable[[Any, Any, int], Any]] = {
    "standard normal": lambda q, x, n: NormalPrior(n),
    "mixture of 100": lambda q, x, n: MixturePrior(n, components=100),
    "VampPrior, 100": lambda q, x, n: VampPrior(q, pseudo_inputs=x, components=100),
    "exemplars, 500": lambda q, x, n: ExemplarPrior(q, exemplars=x[:500], components=100),
    "flow (MAF)": lambda q, x, n: FlowPrior(n),
}
OBJECTIVES: dict[str, Callable[[], Any]] = {
    "ELBO": ELBO,
    "STL": StickingTheLandingELBO,
    "Renyi 0.5, K = 5": lambda: RenyiELBO(alpha=0.5, num_particles=5),
    "IW, K = 5": lambda: ImportanceWeightedELBO(num_particles=5),
    "DReG, K = 5": lambda: DoublyReparameterizedELBO(num_particles=5),
}
PRECISIONS: dict[str, Literal["float32", "bf16"]] = {
    "float32": "float32",
    "bfloat16 products": "bf16",
}
COMPARISONS: dict[str, dict[str, Any]] = {
    "priors": PRIORS,
    "objectives": OBJECTIVES,
    "precisions": PRECISIONS,
}


def measure(
    data: Data,
    prior: str,
    objective: str,
    precision: str,
    latents: int,
    hidden: int,
    **budget: Any,
) -> Any:
    """Trains one model and reports on it."""
    pyro.set_rng_seed(budget["seed"])
    (x,) = data.train.take(len(data.train))
    posterior = NormalPosterior(MLP(data.shape, [hidden], 2 * latents))
    decoder = MLP(latents, [hidden], data.shape)
    vae = VAE(PRIORS[prior](posterior, x, latents), posterior, BernoulliLikelihood(decoder))
    samples = budget.pop("samples")
    fit(
        vae,
        data,
        objective=OBJECTIVES[objective](),
        precision=PRECISIONS[precision],
        progress=False,
        **budget,
    )
    return evaluate(vae, data.test, samples=samples)


def main(
    what: Literal["priors", "objectives", "precisions"],
    data: str = "digits",
    root: str = "data",
    epochs: int = 100,
    batch_size: int = 128,
    seeds: tuple[int, ...] = (0, 1, 2),
    latents: int = 8,
    hidden: int = 200,
    samples: int = 1000,
    only: tuple[str, ...] = (),
    out: Path = Path("docs/results"),
) -> None:
    """Runs the comparison; writes ``compare-WHAT-DATA.md`` and its figure into a folder."""
    images = load_data(data, root=root, binarization="dynamic")
    names = [name for name in COMPARISONS[what] if not only or name in only]
    found: dict[str, list[float]] = {}
    lines = [
        f"| {what[:-1]} | log p(x) | seed_se | ELBO | KL | active units | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in names:
        chosen = {key: next(iter(options)) for key, options in COMPARISONS.items()} | {what: name}
        began = time.perf_counter()
        reports = [
            measure(
                images,
                chosen["priors"],
                chosen["objectives"],
                chosen["precisions"],
                latents,
                hidden,
                epochs=epochs,
                batch_size=batch_size,
                seed=seed,
                samples=samples,
            )
            for seed in seeds
        ]
        seconds = (time.perf_counter() - began) / len(seeds)
        values = [report.log_likelihood.value for report in reports]
        found[name] = values
        error = f"{stdev(values) / math.sqrt(len(values)):.2f}" if len(values) > 1 else "one seed"
        lines.append(
            f"| {name} | {mean(values):.2f} | {error} | {mean(r.elbo for r in reports):.2f} "
            f"| {mean(r.kl for r in reports):.2f} "
            f"| {mean(r.active_units['z'] for r in reports):.1f} of {latents} | {seconds:.0f} |"
        )
        print(lines[-1], flush=True)
    budget = (
        f"{images.name}, {len(images.train)} training data, dynamic binarization, MLP of {hidden}, "
        f"{latents} latents, {epochs} epochs, batch {batch_size}, Adam 1e-3, seeds "
        f"{', '.join(map(str, seeds))}; nats per datum on {len(images.test or ())} test data, "
        f"S = {samples}."
    )
    figure = Figure(figsize=(7, 0.5 * len(names) + 1), layout="constrained")
    axes = figure.subplots()
    for row, name in enumerate(reversed(names)):
        axes.plot(found[name], [row] * len(seeds), "o", color="#3f90da")
        axes.plot(mean(found[name]), row, "|", color="black", markersize=18)
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set_xlabel("log p(x), nats per datum (dots: seeds; bar: mean)")
    stem = f"compare-{what}-{images.name}"
    (out / "figures").mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "figures" / f"{stem}.png", dpi=150)
    table = "\n".join(lines)
    page = f"# Comparing {what}: {images.name}\n\n{budget}\n\n{table}\n\n![{what}](figures/{stem}.png)\n"
    (out / f"{stem}.md").write_text(page)


if __name__ == "__main__":
    run(main)
