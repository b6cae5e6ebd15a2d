"""The figures of a run."""

import warnings
from collections.abc import Callable, Collection, Iterator
from math import pi
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from pyrovae.datasets import Data
    from pyrovae.training import History

__all__ = ["FIGURES", "draw_figures", "figure_files", "save_figure"]

#: Every figure by its name, and what it shows.
FIGURES = {
    "training_curves": "Loss and validation bound over the epochs.",
    "reconstructions": "Data above what the model makes of them.",
    "samples": "Draws from the model's own prior, decoded.",
    "interpolation": "Straight paths between the codes of two data.",
    "interpolation_spherical": "The same paths on great circles.",
    "traversal": "One latent variable after another moved, the others held.",
    "latents": "Codes in a plane, by label where there are labels.",
    "latent_codes": "What each latent variable's codes look like.",
    "neighbours": "Samples beside the training data nearest to them.",
    "aggregated_posterior": "The posterior of all data against the prior.",
    "probability_integral": "Codes mapped to the unit square, which the prior fills evenly.",
    "columns": "The columns of a table, beside rows that the model draws.",
    "manifold": "What two latent variables decode to, over the plane.",
}
#: Those that show what a model makes up, and nothing of the data beside it: of a model with
#: several data sites there is one for each of these.
OF_EACH_SITE = ("samples", "traversal", "manifold")
#: Those that show data beside what a model makes of them.
BESIDE_DATA = (
    "reconstructions",
    "interpolation",
    "interpolation_spherical",
    "latent_codes",
    "neighbours",
)
SCATTERED = 2000
#: Where latents are of a kind that is no real space: how far a variable is moved (in a disk both at
#: once stay inside), and which figures would leave the latents' range.
SPANS: dict[str | None, float] = {"circle": pi, "ball": 0.7}
WITHOUT: dict[str | None, tuple[str, ...]] = {
    "bounded": ("traversal", "manifold"),
    "ball": ("traversal",),
}
BESIDE = 6  # training data beside a sample


def draw_figures(
    folder: Path,
    model: Any,
    data: "Data",
    history: "History",
    *,
    only: Collection[str] | None = None,
    keep: bool = False,
) -> Iterator[str]:
    """Draws and writes what can be shown of a model, giving each figure's file name.

    The figures show data that the model was not trained on, where there are any. Where a model has
    several data sites, each has a figure of its own, samples_of_x.png for one, and what shows data
    beside their reconstructions is left out.

    Args:
        folder: Where they go.
        model: The model.
        data: Its data.
        history: Its training.
        only: Names of figures; all that the model and its data allow if left out.
        keep: Whether figures that are there already stay as they are.

    Raises:
        ValueError: If there is no figure of a name.
        Exception: What a figure raises that was asked for; otherwise this is a warning.
    """
    import torch

    from pyrovae.models import Undefined

    # The same data, too, where they are binarized each time that they are drawn.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        figures = _figures(model, data, history)
    unknown = [name for name in only or () if name not in figures]
    if unknown:
        raise ValueError(
            f"--only: expected figures among {', '.join(figures)}, got {', '.join(unknown)}, "
            "which this model or its data do not allow"
        )
    for name in only or figures:
        for file, draw in figures[name].items():
            if keep and (folder / file).is_file():
                continue
            # The same samples each time a run's figures are drawn.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                try:
                    figure = draw()
                except Undefined:  # samples of a model without a prior
                    continue
                except Exception as error:
                    if only is not None:
                        raise
                    # A part of the user's own: the run and its report are not to be lost by it.
                    why = f"{type(error).__name__}: {error}"
                    warnings.warn(f"{file} could not be drawn: {why}", stacklevel=2)
                    continue
                save_figure(figure, folder / file)
            yield file


def figure_files(folder: Path) -> Iterator[Path]:
    """Every figure in a folder that `draw_figures` wrote."""
    for name in FIGURES:
        yield folder / f"{name}.png"
        yield from folder.glob(f"{name}_of_*.png")


def _figures(
    model: Any, data: "Data", history: "History"
) -> dict[str, dict[str, "Callable[[], Figure]"]]:
    """How to draw each figure that the model and its data allow, by the figure and its file."""
    from pyrovae import plots
    from pyrovae.cli.splits import held_out

    if data.columns is not None:  # its rows are no pictures
        return {
            "training_curves": {"training_curves.png": lambda: plots.training_curves(history)},
            "columns": {"columns.png": lambda: _columns(model, data)},
        }
    (x, *_) = getattr(data, held_out(data)).take(SCATTERED)
    made = model.decode(model.encode(x[:1]))
    sites = list(made) if isinstance(made, dict) else []
    figures = {
        name: {f"{name}.png": draw}
        for name, draw in _of_a_site(model, x, data, history).items()
        if not sites or name not in (*OF_EACH_SITE, *BESIDE_DATA)
    }
    for site in sites:
        for name, draw in _of_a_site(model.only(site), x, data, history).items():
            if name in OF_EACH_SITE:
                figures.setdefault(name, {})[f"{name}_of_{site}.png"] = draw
    return figures


def _of_a_site(
    model: Any, x: "Tensor", data: "Data", history: "History"
) -> dict[str, "Callable[[], Figure]"]:
    """How to draw each figure of a model that gives one tensor."""
    from pyrovae import plots
    from pyrovae.cli.splits import held_out
    from pyrovae.latent_space.paths import paths_within

    role = held_out(data)
    split = getattr(data, role)
    labels = None if split.labels is None else split.labels[: len(x)]
    codes = model.encode(x[:1])
    site = next(iter(codes)) if isinstance(codes, dict) else None  # one of several latents
    kind = getattr(getattr(model, "prior", None), "latent_kind", None)
    ways, span = paths_within(kind), SPANS.get(kind, 3.0)
    figures: dict[str, Callable[[], Figure]] = {
        "training_curves": lambda: plots.training_curves(history),
        "reconstructions": lambda: plots.reconstructions(model, x[:10]),
        "samples": lambda: plots.samples(model),
        "interpolation": lambda: plots.interpolation(model, x[:5], x[5:10], path=ways[0]),
        "interpolation_spherical": lambda: plots.interpolation(
            model, x[:5], x[5:10], path="spherical"
        ),
        "traversal": lambda: plots.traversal(model, x[:500], site=site, span=span),
        "latents": lambda: plots.latent_scatter(
            model, x, labels, label_names=data.label_names, site=site
        ),
        "latent_codes": lambda: plots.latent_codes(model, x, site=site),
        "neighbours": lambda: _neighbours(model, data, None if role == "train" else x[:200]),
        "aggregated_posterior": lambda: plots.aggregated_posterior(model, x, site=site),
        "probability_integral": lambda: plots.probability_integral(
            model, x, labels, label_names=data.label_names, site=site
        ),
    }
    if len(x) < 10:
        del figures["interpolation"], figures["interpolation_spherical"]
    if len(x) < 3:  # too few for a plane through them
        del figures["latents"]
    if model.latent_shape == (2,) and hasattr(model, "prior"):
        figures["manifold"] = lambda: plots.manifold(model, span=SPANS.get(kind))
    if "spherical" not in ways:
        figures.pop("interpolation_spherical", None)
    for name in WITHOUT.get(kind, ()):
        figures.pop(name, None)
    # A plane of two latents that vary gradually, or none.
    numbers = codes[site].numel() if site is not None else codes.numel()
    if kind in ("discrete", "code") or site is not None or numbers < 2:
        del figures["probability_integral"]
    return figures


def _columns(model: Any, data: "Data") -> "Figure":
    from pyrovae import plots

    assert data.columns is not None
    x, *rest = data.train.take(SCATTERED)
    mask = rest[0] if rest else None
    return plots.table_columns(x, model.sample(SCATTERED, draw=True), data.columns, mask=mask)


def _neighbours(model: Any, data: "Data", others: Any) -> "Figure":
    from pyrovae import plots
    from pyrovae.cli.splits import first_data

    # Not all of data on a disk: to read them takes longer than a figure should.
    searched = first_data(data, 0)
    return plots.neighbours(model, searched, k=min(BESIDE, len(searched)), held_out=others)


def save_figure(figure: "Figure", path: Any) -> None:
    """Writes a figure in one move."""
    from pyrovae.files import atomic

    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=150)
