"""The table of the collection, and its figure."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.machine import machine

__all__ = ["Row", "draw", "page"]

Row = dict[str, float | str | None]
Images = dict[str, np.ndarray]


def page(rows: dict[str, Row], *, data: str, epochs: int, samples: int) -> str:
    """The page, in Markdown."""
    lines = [
        "# The collection",
        "",
        "Made by `python -m benchmarks.collection`.",
        "",
        f"Each model was trained for {epochs} epochs on the {data}, batch 100, Adam 1e-3, one seed. Unless the row says",
        "otherwise, networks have one hidden layer of 200 units (except the convolutional one), models have 16 latents, and the",
        f"likelihood is normal with one learned scale. Measured on {machine()}. The bound and log p(x) (S = {samples}) are for held-out",
        "images, as densities of values in [0, 1], in nats. A dash means undefined; the note gives the reason. Samples of",
        "autoencoders, and of the models with codes, come from a density that was fitted to their codes. The ranking at so",
        "small a budget says little about the ranking at a larger one: most models have hardly begun to use their latents.",
        "",
        "![Reconstructions and samples of each model](figures/collection.png)",
        "",
        "| model | parts | bound | log p(x) | reconstruction | seconds |",
        "|---|---|---:|---:|---:|---:|",
    ]
    notes: list[str] = []
    for name, row in rows.items():
        note = ""
        if row["undefined"]:
            if row["undefined"] not in notes:
                notes.append(str(row["undefined"]))
            note = f" [{notes.index(str(row['undefined'])) + 1}]"
        cells = [_number(row["elbo"]) + note, _number(row["log_likelihood"])]
        cells += [_number(row["reconstruction"]), f"{row['seconds']:.0f}"]
        lines.append(f"| {name} | {row['parts']} | " + " | ".join(cells) + " |")
    lines += ["", *(f"[{i}] {note}.  " for i, note in enumerate(notes, 1))]
    return "\n".join(lines) + "\n"


def _number(value: float | str | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def draw(images: dict[str, Images]) -> Figure:
    """A line for each model: data, reconstructions and samples; in two columns of models."""
    names = list(images)
    rows = (len(names) + 1) // 2
    figure = Figure(figsize=(13, 0.5 * rows), layout="constrained")
    panels = figure.subplots(rows, 2).reshape(rows, 2)
    for panel in panels.flatten():
        panel.axis("off")
    for i, name in enumerate(names):
        panel = panels[i % rows, i // rows]
        panel.imshow(_strip(images[name]), cmap="gray", vmin=0, vmax=1)
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
