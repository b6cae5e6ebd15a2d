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
        f"Each model was trained for {epochs} epochs of the {data}, batch 100, Adam 1e-3, with networks of one hidden layer",
        "of 200 units (but the convolutional one), 16 latents and a normal likelihood with one learned scale unless the row says",
        f"otherwise, one seed; measured on {machine()}. The bound and log p(x) (S = {samples}) are those of held-out images, densities of",
        "values in [0, 1], in nats; a dash is where they are undefined, and the reason is given. Samples of autoencoders and of the",
        "last rows' codes are drawn from a density that is fitted to their codes. The order of models at so small a",
        "budget says little about their order at a larger one; most have hardly begun to use their latents.",
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
