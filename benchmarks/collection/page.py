"""The table of the collection, and its figure."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor
from torch.distributions import Normal

from benchmarks.machine import machine

__all__ = ["Row", "constant", "draw", "page", "read_images"]

Row = dict[str, float | str | None]
Images = dict[str, np.ndarray]


def constant(train: Tensor, test: Tensor, *, each: bool) -> float:
    """Mean log-density of test images where no model is: a normal around the mean of the training images.

    Args:
        train: Training images.
        test: Test images.
        each: Whether each pixel has its own scale, instead of one for all.
    """
    mean = train.mean(0)
    scale = (train - mean).square().mean(0 if each else None).sqrt()
    return float(Normal(mean, scale).log_prob(test).flatten(1).sum(1).mean())


def page(
    rows: dict[str, Row], *, data: str, epochs: int, samples: int, constants: list[float]
) -> str:
    """The page, in Markdown."""
    one, each = constants
    lines = [
        "# The collection",
        "",
        f"Made by `python -m benchmarks.collection --epochs {epochs}`.",
        "",
        f"Each model was trained for {epochs} epochs on the {data}, batch 100, Adam 1e-3, one seed. Unless the row says",
        "otherwise, networks have one hidden layer of 200 units (except the convolutional one), models have 16 latents, and the",
        f"likelihood is normal with one learned scale. Measured on {machine()}. The bound and log p(x) (S = {samples}) are for held-out",
        "images, as densities of values in [0, 1], in nats. A dash means undefined; the note gives the reason. Samples of",
        "autoencoders, and of the models with codes, come from a density that was fitted to their codes; one image has one",
        "code, so that log p(x) is no more than the bound there. Scales begin at the pixels' deviation from the mean image.",
        f"Without any model, a normal around the mean image has log p(x) = {one:.1f}, and {each:.1f} with a scale for each pixel.",
        "The ranking at so small a budget says little about the ranking at a larger one.",
        "",
        "Left out are conditional models, since these images have no labels; losses in the features of a network, since there",
        "is none that was trained on such images; and autoregressive decoders, whose steps take many times as long.",
        "",
        "![Reconstructions and samples of each model](figures/collection.png)",
        "",
        "| model | parts | bound | log p(x) | reconstruction |",
        "|---|---|---:|---:|---:|",
    ]
    notes: list[str] = []
    for name, row in rows.items():
        note = ""
        if row["undefined"]:
            if row["undefined"] not in notes:
                notes.append(str(row["undefined"]))
            note = f" [{notes.index(str(row['undefined'])) + 1}]"
        cells = [_number(row["elbo"]) + note, _number(row["log_likelihood"])]
        cells.append(_number(row["reconstruction"]))
        lines.append(f"| {name} | {row['parts']} | " + " | ".join(cells) + " |")
    lines += ["", *(f"[{i}] {note}.  " for i, note in enumerate(notes, 1))]
    return "\n".join(lines) + "\n"


def _number(value: float | str | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def draw(images: dict[str, Images], shown: np.ndarray) -> Figure:
    """A line for each model, reconstructions and samples, below the images; in two columns of models."""
    top = ("images", {"reconstructions": shown, "samples": np.ones_like(shown)})
    models, half = list(images.items()), (len(images) + 1) // 2
    lines = [top, *models[:half], top, *models[half:]]
    rows = half + 1
    figure = Figure(figsize=(13, 0.5 * rows), layout="constrained")
    panels = figure.subplots(rows, 2).reshape(rows, 2)
    for panel in panels.flatten():
        panel.axis("off")
    for i, (name, drawn) in enumerate(lines):
        panel = panels[i % rows, i // rows]
        panel.imshow(_strip(drawn), cmap="gray", vmin=0, vmax=1)
        panel.set_title(name, loc="left", x=-0.22, y=0.25, fontsize=8)
    return figure


def _strip(images: Images) -> np.ndarray:
    """Reconstructions and samples side by side, with a white gap."""
    parts = []
    for key in ("reconstructions", "samples"):
        x = images[key].clip(0, 1)
        parts += [np.concatenate([image[0] for image in x], axis=1), np.ones((x.shape[2], 8))]
    return np.concatenate(parts[:-1], axis=1)


def read_images(folder: Path, names: list[str]) -> dict[str, Images]:
    """What was kept of each model."""
    found = {}
    for name in names:
        with np.load(folder / f"{name}.npz", allow_pickle=False) as stored:
            found[name] = {key: stored[key] for key in stored.files}
    return found
