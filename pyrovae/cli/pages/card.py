"""A model card: what was trained on which data, what it is for, and where it ends."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyrovae.cli.pages.markup import Markup, joined, tag
from pyrovae.cli.reports import PARTS

__all__ = ["card", "described", "facts", "limits", "use"]

NAMES = {"class": "Model", **{part: part.capitalize() for part in PARTS if part != "model"}}


def card(report: dict[str, Any], seed: Any) -> Markup:
    """The card of a run's model.

    Args:
        report: Its report.
        seed: That of its training.
    """
    return joined(
        [
            described(dict(facts(report, seed))),
            tag("h3", "Intended use"),
            tag("p", use(report)),
            tag("h3", "Limits"),
            tag("ul", *(tag("li", limit) for limit in limits(report))),
        ]
    )


def described(facts: Mapping[str, str]) -> Markup:
    """Names, and what stands for each."""
    return tag("dl", *(part for k, v in facts.items() for part in (tag("dt", k), tag("dd", v))))


def facts(report: dict[str, Any], seed: Any) -> Iterator[tuple[str, str]]:
    """What was trained on which data, name by name."""
    model, data, training = report["model"], report["dataset"], report["training"]
    for key, name in NAMES.items():
        if model[key] is not None:
            yield name, str(model[key])
    latent = model["latent_features"]
    yield "Latent variables", _size(latent if isinstance(latent, list) else [latent])
    yield "Parameters", f"{model['parameters']:,}"
    yield "Objective", str(model["objective"])
    if model.get("adversary") is not None:
        yield "Trained against", str(model["adversary"])
    sizes = ", ".join(f"{size} {role}" for role, size in data["sizes"].items())
    each = _size(data["shape"])
    yield "Data", f"{data['name']}: {sizes}; each {each}; binarization {data['binarization']}"
    yield "Training", _training(training, seed)
    weights = "the moving average" if report["averaged"] else "those of training"
    if training["best_epoch"] is not None and not report["averaged"]:
        weights = f"those of epoch {training['best_epoch']}, the best on validation data"
    yield "Weights", weights
    yield "Evaluated on", f"{report['data']} {report['split']} data"


def _size(shape: Sequence[int]) -> str:
    return " \N{MULTIPLICATION SIGN} ".join(map(str, shape))


def _training(training: dict[str, Any], seed: Any) -> str:
    minutes, seconds = divmod(round(training["seconds"]), 60)
    told = f"{training['epochs']} epochs in {minutes} min {seconds} s, seed {seed}"
    return told if training["stopped"] is None else f"{told}; stopped early: {training['stopped']}"


def use(report: dict[str, Any]) -> str:
    """What the model is for."""
    name = report["dataset"]["name"]
    if report["log_likelihood"] is None:
        return f"To encode data like those of {name}, and to reconstruct them."
    return (
        f"To draw data like those of {name}, to encode and reconstruct such data, and to say how "
        "probable they are."
    )


def limits(report: dict[str, Any]) -> Iterator[str]:
    """Where that ends."""
    data = report["dataset"]
    yield (
        f"It has seen {data['sizes']['train']} data of {data['name']} and nothing else: what it "
        "makes of data of another kind, size or range of values is not known."
    )
    if report["log_likelihood"] is not None:
        yield (
            "A high log p(x) does not say that a datum is like the training data: models of this "
            "kind can give other data higher ones (Nalisnick et al., 2019)."
        )
        yield (
            "Samples may be close to training data: the figure of neighbours, where there is one, "
            "shows how close."
        )
    yield (
        f"Its numbers are of {report['data']} {report['split']} data and of one training. Numbers "
        "of other data, or of another binarization, do not compare with them."
    )
