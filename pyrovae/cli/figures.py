"""The figures of a run."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from matplotlib.figure import Figure

from pyrovae import plots
from pyrovae.cli.runs import Run, held_out
from pyrovae.datasets import Data
from pyrovae.files import atomic
from pyrovae.models import Undefined
from pyrovae.training import History

__all__ = ["draw_figures", "save_figure"]

SCATTERED = 2000


def draw_figures(run: Run, model: Any, data: Data, history: History) -> Iterator[str]:
    """Draws and writes what can be shown of a model, giving each figure's file name.

    The figures show data that the model was not trained on, where there are any.
    """
    split = getattr(data, held_out(data))
    (x, *_) = split.take(SCATTERED)
    labels = None if split.labels is None else split.labels[: len(x)]
    codes = model.encode(x[:1])
    site = next(iter(codes)) if isinstance(codes, dict) else None  # one of several latents
    figures: dict[str, Callable[[], Figure]] = {
        "training_curves": lambda: plots.training_curves(history),
        "reconstructions": lambda: plots.reconstructions(model, x[:10]),
        "samples": lambda: plots.samples(model),
        "interpolation": lambda: plots.interpolation(model, x[:5], x[5:10]),
        "traversal": lambda: plots.traversal(model, x[:500], site=site),
        "latents": lambda: plots.latent_scatter(
            model, x, labels, label_names=data.label_names, site=site
        ),
    }
    if len(x) < 10:
        del figures["interpolation"]
    if len(x) < 3:  # too few for a plane through them
        del figures["latents"]
    if model.latent_shape == (2,) and hasattr(model, "prior"):
        figures["manifold"] = lambda: plots.manifold(model)
    for name, figure in figures.items():
        # The same samples each time a run's figures are drawn.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            try:
                save_figure(figure(), run.figures / f"{name}.png")
            except Undefined:  # samples of a model without a prior
                continue
        yield f"{name}.png"


def save_figure(figure: Figure, path: Any) -> None:
    """Writes a figure in one move."""
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=150)
