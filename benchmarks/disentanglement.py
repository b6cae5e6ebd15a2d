"""Is a code disentangled by a weight on the total correlation? On sprites, at one equal budget.

    python benchmarks/disentanglement.py

Each model is trained with several seeds on the same images; a row has the means over the seeds
and ``seed_se``, the standard error of a mean. What other data would change, ``data_se``, is given for
the mean score, too.
"""

import math
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pyro

from pyrovae import VAE, evaluate, fit
from pyrovae.cli import run
from pyrovae.datasets import Data, sprites
from pyrovae.disentanglement import DisentanglementScores, disentanglement_scores
from pyrovae.evaluation import KLDecomposition, Report, encode, kl_decomposition
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import TotalCorrelationELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

SHAPE = 0  # the factor whose levels are in no order


def measure(
    data: Data, beta: float, latents: int, hidden: int, samples: int, resamples: int, **budget: Any
) -> tuple[Report, KLDecomposition, DisentanglementScores]:
    """Trains one model, and looks at its bound, its latents and its codes of the test data."""
    pyro.set_rng_seed(budget["seed"])
    vae = VAE(
        NormalPrior(latents),
        NormalPosterior(MLP(data.shape, [hidden, hidden // 2], 2 * latents)),
        BernoulliLikelihood(MLP(latents, [hidden // 2, hidden], data.shape)),
    )
    # With a weight of 1 this is the ELBO itself.
    objective = TotalCorrelationELBO(beta=beta, data_size=len(data.train))
    fit(vae, data, objective=objective, progress=False, **budget)
    test: Any = data.test
    scores = disentanglement_scores(
        encode(vae, test), test.factors, categorical=[SHAPE], resamples=resamples
    )
    return evaluate(vae, test, samples=samples), kl_decomposition(vae, test), scores


def row(name: str, found: list[tuple[Report, KLDecomposition, DisentanglementScores]]) -> str:
    """A line of the table of scores."""
    cells = [name]
    for score in found[0][2].by_name:
        values = [scores.by_name[score].value for *_, scores in found]
        data_se = mean(scores.by_name[score].data_se for *_, scores in found)
        cells.append(f"{mean(values):.3f} ({error(values, 3)}, {data_se:.3f})")
    return f"| {' | '.join(cells)} |"


def terms(name: str, found: list[tuple[Report, KLDecomposition, DisentanglementScores]]) -> str:
    """A line of the table of bounds and latents."""
    columns = [
        [report.elbo or math.nan for report, *_ in found],
        [report.reconstruction for report, *_ in found],
        [report.kl or math.nan for report, *_ in found],
        [parts.mutual_information.value for _, parts, _ in found],
        [parts.total_correlation.value for _, parts, _ in found if parts.total_correlation],
        [parts.marginal_kl.value for _, parts, _ in found],
        [float(report.active_units["z"]) for report, *_ in found],
    ]
    cells = [f"{mean(values):.2f} ({error(values, 2)})" for values in columns]
    return f"| {name} | {' | '.join(cells)} |"


def error(values: list[float], digits: int) -> str:
    """The standard error of a mean over seeds."""
    return (
        f"{stdev(values) / math.sqrt(len(values)):.{digits}f}" if len(values) > 1 else "one seed"
    )


def main(
    epochs: int = 100,
    batch_size: int = 128,
    seeds: tuple[int, ...] = (0, 1, 2),
    betas: tuple[float, ...] = (1.0, 6.0),
    latents: int = 10,
    hidden: int = 400,
    test: int = 2000,
    scales: int = 4,
    rotations: int = 8,
    positions: int = 8,
    samples: int = 100,
    resamples: int = 10,
    out: Path = Path("docs/results"),
) -> None:
    """Trains and scores the models; writes ``disentanglement.md`` into a folder."""
    data = sprites(
        scales=scales, rotations=rotations, positions=positions, validation=0, test=test
    )
    scores, bounds = [], []
    protocols: dict[str, str] = {}
    for beta in betas:
        name = "VAE (ELBO)" if beta == 1 else f"beta-TC, {beta:g}"
        began = time.perf_counter()
        found = [
            measure(
                data,
                beta,
                latents,
                hidden,
                samples,
                resamples,
                epochs=epochs,
                batch_size=batch_size,
                seed=seed,
            )
            for seed in seeds
        ]
        minutes = (time.perf_counter() - began) / 60 / len(seeds)
        protocols = {key: score.protocol for key, score in found[0][2].by_name.items()}
        scores.append(row(name, found))
        bounds.append(terms(name, found))
        print(f"{scores[-1]}\n{bounds[-1]}\n{minutes:.1f} minutes a seed", flush=True)
    names = " | ".join(protocols)
    budget = (
        f"{len(data.train)} training and {test} test images of 32x32 grey pixels, factors "
        f"{', '.join(f'{k} ({n})' for k, n in data.record['factors'].items())}; MLP of {hidden} "
        f"and {hidden // 2}, {latents} latents, Bernoulli likelihood (for grey edges a "
        f"cross-entropy), {epochs} epochs, batch {batch_size}, Adam 1e-3, seeds "
        f"{', '.join(map(str, seeds))}. The codes are the posterior means of the test images."
    )
    bound_names = (
        "ELBO | reconstruction | KL | mutual information | total correlation | marginal KL "
        "| active units"
    )
    most = (
        f"Nats per image on the test images, with seed_se in brackets; log {test} is "
        f"{math.log(test):.2f}, the largest mutual information possible here:"
    )
    lines = [
        "# Disentanglement: a VAE and a weight on the total correlation",
        budget,
        "Scores from 0 to 1, with seed_se and data_se in brackets:",
        f"| objective | {names} |\n|---|{'---|' * len(protocols)}\n" + "\n".join(scores),
        most,
        f"| objective | {bound_names} |\n|---|{'---|' * 7}\n" + "\n".join(bounds),
        "The protocol of each score:",
        "\n".join(f"* {key}: {protocol}." for key, protocol in protocols.items()),
        "```\npython benchmarks/disentanglement.py\n```",
    ]
    (out / "disentanglement.md").write_text("\n\n".join(lines) + "\n")


if __name__ == "__main__":
    run(main)
