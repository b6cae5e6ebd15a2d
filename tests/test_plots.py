import os
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
import torch
from linear_gaussian import data as linear_data
from linear_gaussian import exact_vae, poor_vae
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from tiny import tiny_vae
from torch import nn
from torch.distributions import Independent, Normal

from pyrovae import plots
from pyrovae.latent_space import distance_from_uniform, nearest_neighbours, spherical
from pyrovae.latent_space import probability_integral as map_latents
from pyrovae.plots.style import COLOURS

IMAGE = (1, 4, 6)
RGB = (3, 4, 6)
TABLE = (5,)


class Fake(nn.Module):
    """A datum shows its code: feature i has the value 0.5 + 0.1 * code[i % latent]."""

    def __init__(self, shape=IMAGE, *, latent=(2,), declares=True):
        super().__init__()
        self.shape = torch.Size(shape)
        self.latent = torch.Size(latent)
        if declares:
            self.latent_shape = self.latent
            self.data_shape = self.shape

    def encode(self, x):
        return ((x.flatten(1)[:, : self.latent.numel()] - 0.5) / 0.1).unflatten(1, self.latent)

    def decode(self, z):
        index = torch.arange(self.shape.numel()) % self.latent.numel()
        mean = (0.5 + 0.1 * z.flatten(1)[:, index]).unflatten(1, self.shape)
        return Independent(Normal(mean, 1.0), len(self.shape))

    def reconstruct(self, x):
        return self.decode(self.encode(x)).mean

    def sample(self, n):
        return self.decode(torch.randn(n, *self.latent)).mean


class FakeHierarchy(Fake):
    """Two latents: "z1" shows in the even features, "z2" in the odd ones."""

    def __init__(self, shape=IMAGE):
        super().__init__(shape, latent=(4,), declares=False)

    def encode(self, x):
        z = super().encode(x)
        return {"z1": z[:, 0::2], "z2": z[:, 1::2]}

    def sample(self, n):
        return self.decode({"z1": torch.randn(n, 2), "z2": torch.randn(n, 2)}).mean

    def decode(self, z):
        return super().decode(torch.stack([z["z1"], z["z2"]], dim=-1).flatten(1))


def batch(n, shape=IMAGE, *, seed=0):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed))


def pixels(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def grid_of(figure):
    """The array that the figure's only axes shows."""
    (axes,) = figure.axes
    (shown,) = axes.images
    return np.asarray(shown.get_array())


def tile(grid, row, column, shape=IMAGE):
    """One datum (channels, height, width) of a drawn grid; the gap is one pixel at this size."""
    height, width = shape[-2:]
    top, left = row * (height + 1), column * (width + 1)
    cut = torch.as_tensor(np.array(grid[top : top + height, left : left + width]))
    return cut.movedim(-1, 0) if cut.ndim == 3 else cut[None]


def profiles(figure):
    """The values of each profile, on a scale from 0 (smallest of the figure) to 1."""
    (axes,) = figure.axes
    (lines,) = [c for c in axes.collections if isinstance(c, LineCollection)]
    tops = [path[::2, 1] for path in lines.get_segments()]
    heights = np.array([(top + 0.5) % 83 / 75 for top in tops])
    return (0.9 - heights) / 0.8


def settings():
    # Not dict(rcParams): reading "backend" resolves it, which imports pyplot.
    return dict(dict.items(mpl.rcParams))


def labels_of(ticks):
    return [tick.get_text() for tick in ticks]


HISTORY = [
    {
        "epoch": epoch,
        "loss": 100 + 50 / epoch,
        "validation_elbo": -(103 + 50 / epoch),
        "validation_reconstruction": -(80 + 50 / epoch),
        "validation_kl": 23.0,
        "learning_rate": 1e-3,
        "beta": 1.0,
        "seconds": 1.2,
    }
    for epoch in range(1, 31)
]

FIGURES = {
    "training_curves": lambda m, x: plots.training_curves(HISTORY),
    "reconstructions": lambda m, x: plots.reconstructions(m, x),
    "samples": lambda m, x: plots.samples(m, n=10),
    "interpolation": lambda m, x: plots.interpolation(m, x[:3], x[3:6]),
    "traversal": lambda m, x: plots.traversal(m, x),
    "manifold": lambda m, x: plots.manifold(m, size=5),
    "latent_scatter": lambda m, x: plots.latent_scatter(m, x, torch.arange(len(x)) % 3),
    "latent_codes": lambda m, x: plots.latent_codes(m, x, n=3),
    "attribute": lambda m, x: plots.attribute(m, x[:3], torch.ones(2)),
    "neighbours": lambda m, x: plots.neighbours(m, x, n=3, k=4, held_out=x),
    "compare_latent_spaces": lambda m, x: plots.compare_latent_spaces(
        {"one": m, "other": m}, x, torch.arange(len(x)) % 3, size=4, n=5
    ),
}
#: Those that ask for programs.
PROGRAM_FIGURES = {
    "aggregated_posterior": lambda m, x: plots.aggregated_posterior(m, x),
    "probability_integral": lambda m, x: plots.probability_integral(
        m, x, torch.arange(len(x)) % 3
    ),
}


@pytest.mark.parametrize("shape", [IMAGE, IMAGE[1:], RGB, TABLE], ids=["grey", "2d", "rgb", "1d"])
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_shows_something_and_changes_no_global_state(name, shape):
    before = settings()
    torch.manual_seed(3)
    figure = FIGURES[name](Fake(shape), batch(12, shape))
    assert isinstance(figure, Figure)
    drawn = pixels(figure)
    for axes in figure.axes:
        assert axes.get_title(loc="left")
        box = axes.get_window_extent()
        inside = drawn[
            drawn.shape[0] - int(box.y1) : drawn.shape[0] - int(box.y0), int(box.x0) : int(box.x1)
        ]
        assert len(np.unique(inside[..., :3].reshape(-1, 3), axis=0)) > 3
    assert settings() == before


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "training_curves"])
def test_a_file_has_the_size_of_the_figure(name, tmp_path):
    figure = FIGURES[name](Fake(), batch(12))
    path = tmp_path / "figure.png"
    figure.savefig(path)
    with Image.open(path) as image:
        assert image.format == "PNG"
        inches = figure.get_size_inches()
        assert image.size == pytest.approx(inches * figure.dpi, abs=1)  # whole pixels


@pytest.mark.parametrize(
    "name",
    [
        "reconstructions",
        "samples",
        "interpolation",
        "traversal",
        "manifold",
        "latent_codes",
        "attribute",
        "neighbours",
        "compare_latent_spaces",
    ],
)
@pytest.mark.parametrize("shape", [IMAGE, TABLE], ids=["images", "profiles"])
def test_text_lies_within_the_page(name, shape):
    figure = FIGURES[name](Fake(shape), batch(12, shape))
    pixels(figure)
    tight = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert tight.x0 > -0.01
    assert tight.y0 > -0.01
    assert tight.x1 < width + 0.01
    assert tight.y1 < height + 0.01


def test_import_leaves_pyplot_and_sklearn_alone():
    code = (
        "import sys; from matplotlib import rcParams; before = dict(dict.items(rcParams));"
        "import pyrovae.plots;"
        "assert 'matplotlib.pyplot' not in sys.modules;"
        "assert 'sklearn' not in sys.modules;"
        "assert dict(dict.items(rcParams)) == before"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_all_names_are_exported():
    assert all(callable(getattr(plots, name)) for name in plots.__all__)


class TestImageGrid:
    @pytest.mark.parametrize("shape", [IMAGE, RGB], ids=["grey", "rgb"])
    def test_tiles_in_reading_order_with_white_between(self, shape):
        images = batch(5, shape)
        grid = plots.image_grid(images, columns=3)
        assert grid.shape == (2 * 4 + 1, 3 * 6 + 2, *([3] if shape == RGB else []))
        for index in range(5):
            torch.testing.assert_close(tile(grid, *divmod(index, 3), shape), images[index])
        assert (grid[4] == 1).all()
        assert (grid[:, 6] == 1).all()
        assert (tile(grid, 1, 2, shape) == 1).all()

    def test_images_without_channel(self):
        images = batch(4, (4, 6))
        expected = plots.image_grid(images[:, None], columns=2)
        np.testing.assert_array_equal(plots.image_grid(images, columns=2), expected)

    def test_clips(self):
        grid = plots.image_grid(torch.tensor([-1.0, 2.0]).reshape(2, 1, 1, 1), columns=2)
        assert grid.tolist() == [[0.0, 1.0, 1.0]]

    def test_separators_grow_with_the_images(self):
        assert plots.image_grid(torch.zeros(2, 1, 84, 84), columns=2).shape == (84, 171)

    @pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 2, 4, 6), (0, 1, 4, 6), (2, 3, 0, 6)])
    def test_refuses_other_shapes(self, shape):
        with pytest.raises(ValueError, match=r"images must have shape .* got \("):
            plots.image_grid(torch.zeros(shape), columns=2)

    @pytest.mark.parametrize("columns", [0, -1, 2.0, True])
    def test_refuses_bad_columns(self, columns):
        with pytest.raises(ValueError, match="columns must be an int of at least 1, got"):
            plots.image_grid(batch(2), columns=columns)


class TestTrainingCurves:
    def curves(self, figure):
        return {
            line.get_label(): line.get_xydata()
            for axes in figure.axes
            for line in axes.get_lines()
        }

    def test_signs_and_values(self):
        figure = plots.training_curves(HISTORY)
        assert len(figure.axes) == 2
        curves = self.curves(figure)
        epochs = np.arange(1, 31)
        bound = curves["validation −ELBO"]
        np.testing.assert_allclose(bound, np.stack([epochs, 103 + 50 / epochs], axis=1))
        np.testing.assert_allclose(curves["training objective"][:, 1], 100 + 50 / epochs)
        np.testing.assert_allclose(curves["KL(q(z|x) ‖ p(z))"][:, 1], 23.0)
        reconstruction = curves["−log p(x|z) (reconstruction)"]
        np.testing.assert_allclose(reconstruction[:, 1], 80 + 50 / epochs)
        assert {axes.get_ylabel() for axes in figure.axes} == {"nats per datum"}
        assert {axes.get_xlabel() for axes in figure.axes} == {"epoch"}

    def test_one_row_has_markers(self):
        figure = plots.training_curves(HISTORY[:1])
        lines = [line for axes in figure.axes for line in axes.get_lines()]
        assert len(lines) == 4
        assert all(line.get_marker() == "o" for line in lines)
        pixels(figure)

    def test_loss_alone(self):
        figure = plots.training_curves([{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 2.0}])
        (axes,) = figure.axes
        assert axes.get_title(loc="left") == "Training objective"

    def test_weighted_objective_is_not_compared(self):
        rows = [{**row, "beta": min(1.0, row["epoch"] / 10)} for row in HISTORY]
        figure = plots.training_curves(rows)
        assert [len(axes.get_lines()) for axes in figure.axes] == [1, 1, 2]

    def test_validation_in_some_epochs_only(self):
        rows = [{"epoch": 1, "loss": 5.0}, {"epoch": 2, "loss": float("nan")}]
        rows += [{"epoch": 3, "loss": 3.0, "validation_elbo": -4.0, "validation_kl": None}]
        curves = self.curves(plots.training_curves(rows))
        assert curves["validation −ELBO"].tolist() == [[3.0, 4.0]]
        assert np.isnan(curves["training objective"][1, 1])
        assert len(curves) == 2

    def test_refuses_no_rows(self):
        with pytest.raises(ValueError, match="at least one row, got none"):
            plots.training_curves([])

    def test_refuses_rows_without_loss(self):
        with pytest.raises(ValueError, match=r"'loss', got \['epoch'\] in row 1"):
            plots.training_curves([{"epoch": 1, "loss": 2.0}, {"epoch": 2}])


class TestReconstructions:
    @pytest.mark.parametrize("shape", [IMAGE, RGB], ids=["grey", "rgb"])
    def test_originals_above_reconstructions(self, shape):
        model, x = Fake(shape), batch(8, shape)
        figure = plots.reconstructions(model, x, columns=5)
        grid = grid_of(figure)
        for column in range(5):
            torch.testing.assert_close(tile(grid, 0, column, shape), x[column])
            expected = model.reconstruct(x)[column]
            torch.testing.assert_close(tile(grid, 1, column, shape), expected)
        assert grid.shape[1] == 5 * 7 - 1
        assert labels_of(figure.axes[0].get_yticklabels()) == ["original", "reconstruction"]
        assert figure.axes[0].get_xticks().tolist() == []

    def test_grey_is_gray_on_the_unit_interval_without_interpolation(self):
        (shown,) = plots.reconstructions(Fake(), batch(3)).axes[0].images
        assert shown.get_cmap().name == "gray"
        assert shown.get_clim() == (0, 1)
        assert shown.get_interpolation() == "nearest"

    def test_fewer_data_than_columns(self):
        grid = grid_of(plots.reconstructions(Fake(), batch(3)))
        assert grid.shape == (9, 3 * 7 - 1)

    def test_table(self):
        x = batch(3, TABLE)
        drawn = profiles(plots.reconstructions(Fake(TABLE, latent=(5,)), x))
        expected = ((x - x.min()) / (x.max() - x.min())).numpy()
        np.testing.assert_allclose(drawn, np.concatenate([expected, expected]), atol=1e-5)

    @pytest.mark.parametrize("shape", [(5,), (0, 1, 4, 6)])
    def test_refuses_what_is_no_batch(self, shape):
        with pytest.raises(ValueError, match=r"x must have shape \(n, ...\) with n >= 1, got \("):
            plots.reconstructions(Fake(), torch.zeros(shape))


class TestSamples:
    def test_come_from_the_model_in_order(self):
        model = Fake()
        torch.manual_seed(5)
        grid = grid_of(plots.samples(model, n=7, columns=3))
        torch.manual_seed(5)
        expected = model.sample(7)
        for index in range(7):
            drawn = tile(grid, *divmod(index, 3))
            torch.testing.assert_close(drawn, expected[index].clamp(0, 1))

    def test_table_with_more_than_a_page(self):
        assert len(profiles(plots.samples(Fake(TABLE), n=70))) == 70

    def test_constant_and_undefined_data(self):
        class Broken(Fake):
            def sample(self, n):
                data = torch.zeros(n, *self.shape)
                data[0] = torch.nan
                return data

        for shape in (IMAGE, RGB, TABLE):
            pixels(plots.samples(Broken(shape), n=2))

    @pytest.mark.parametrize(("n", "columns", "named"), [(0, 8, "n"), (8, 0, "columns")])
    def test_refuses_no_samples(self, n, columns, named):
        with pytest.raises(ValueError, match=f"^{named} must be an int of at least 1, got 0"):
            plots.samples(Fake(), n=n, columns=columns)


class TestInterpolation:
    def test_ends_are_the_originals_and_their_decoded_codes(self):
        model, start, end = Fake(), batch(3), batch(3, seed=1)
        figure = plots.interpolation(model, start, end, steps=4)
        grid = grid_of(figure)
        for row in range(3):
            torch.testing.assert_close(tile(grid, row, 0), start[row])
            torch.testing.assert_close(tile(grid, row, 1), model.reconstruct(start)[row])
            torch.testing.assert_close(tile(grid, row, 4), model.reconstruct(end)[row])
            torch.testing.assert_close(tile(grid, row, 5), end[row])
            # This decoder is linear: so are its pictures along the line.
            middle = torch.lerp(tile(grid, row, 1), tile(grid, row, 4), 1 / 3)
            torch.testing.assert_close(tile(grid, row, 2), middle)
        names = labels_of(figure.axes[0].get_xticklabels())
        assert names == ["start", "0.00", "0.33", "0.67", "1.00", "end"]

    def test_the_originals_are_framed(self):
        figure = plots.interpolation(Fake(), batch(1), batch(1, seed=1), steps=3)
        frames = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
        assert [frame.get_x() for frame in frames] == [-0.5, 4 * 7 - 0.5]

    @pytest.mark.parametrize("declares", [True, False])
    @pytest.mark.parametrize("shape", [IMAGE, TABLE, (4, 6)])
    def test_a_single_pair(self, shape, declares):
        model, x = Fake(shape, declares=declares), batch(2, shape)
        torch.manual_seed(0)
        state = torch.get_rng_state()
        single = pixels(plots.interpolation(model, x[0], x[1]))
        assert torch.equal(torch.get_rng_state(), state)
        np.testing.assert_array_equal(single, pixels(plots.interpolation(model, x[:1], x[1:])))

    def test_several_latents(self):
        model, start, end = FakeHierarchy(), batch(1), batch(1, seed=1)
        both = grid_of(plots.interpolation(model, start, end, steps=3))
        torch.testing.assert_close(tile(both, 0, 3), model.reconstruct(end)[0])
        only = tile(grid_of(plots.interpolation(model, start, end, steps=3, site="z2")), 0, 3)
        even, odd = only.flatten()[0::2], only.flatten()[1::2]
        torch.testing.assert_close(even, model.reconstruct(start).flatten()[0::2])
        torch.testing.assert_close(odd, model.reconstruct(end).flatten()[1::2])
        with pytest.raises(ValueError, match=r"site must be one of \['z1', 'z2'\], got 'z3'"):
            plots.interpolation(model, start, end, site="z3")

    def test_refuses_different_shapes(self):
        with pytest.raises(ValueError, match=r"got \(2, 1, 4, 6\) and \(3, 1, 4, 6\)"):
            plots.interpolation(Fake(), batch(2), batch(3))

    def test_refuses_one_step(self):
        with pytest.raises(ValueError, match="steps must be an int of at least 2, got 1"):
            plots.interpolation(Fake(), batch(1), batch(1), steps=1)

    def test_the_way_is_a_great_circle_on_demand(self):
        model, start, end = Fake(), batch(2), batch(2, seed=1)
        grid = grid_of(plots.interpolation(model, start, end, steps=3, path="spherical"))
        middle = spherical(model.encode(start), model.encode(end), torch.tensor([0.5]))
        for row in range(2):
            drawn = model.encode(tile(grid, row, 2)[None])[0]
            torch.testing.assert_close(drawn, middle[row, 0], atol=1e-4, rtol=0)
            torch.testing.assert_close(tile(grid, row, 3), model.reconstruct(end)[row])

    def test_refuses_an_unknown_path(self):
        with pytest.raises(ValueError, match=r"path must be one of \('straight', 'spherical'\)"):
            plots.interpolation(Fake(), batch(1), batch(1), path="round")


class TestAttribute:
    def test_the_vector_is_added_at_each_strength(self):
        model, x = Fake(), batch(3)
        vector = torch.tensor([0.5, -1.0])
        figure = plots.attribute(model, x, vector, strengths=[-1, 0, 2], name="smile")
        grid = grid_of(figure)
        codes = model.encode(x)
        for row in range(3):
            torch.testing.assert_close(tile(grid, row, 0), x[row])
            for column, strength in enumerate([-1, 0, 2], start=1):
                drawn = model.encode(tile(grid, row, column)[None])[0]
                expected = codes[row] + strength * vector
                torch.testing.assert_close(drawn, expected, atol=1e-4, rtol=0)
        axes = figure.axes[0]
        assert labels_of(axes.get_xticklabels()) == ["original", "−1", "0", "+2"]
        assert axes.get_title(loc="left") == "Smile, removed and added"

    def test_some_of_several_latents(self):
        model, x = FakeHierarchy(), batch(1)
        figure = plots.attribute(model, x, {"z2": torch.tensor([1.0, 0.0])}, strengths=[1])
        codes, moved = model.encode(x), model.encode(tile(grid_of(figure), 0, 1)[None])
        torch.testing.assert_close(moved["z1"], codes["z1"], atol=1e-4, rtol=0)
        expected = codes["z2"] + torch.tensor([1.0, 0.0])
        torch.testing.assert_close(moved["z2"], expected, atol=1e-4, rtol=0)

    @pytest.mark.parametrize(
        ("model", "vector", "said"),
        [
            (Fake(), torch.zeros(3), r"shape of a code, \(2,\), got \(3,\)"),
            (Fake(), {"z": torch.zeros(2)}, r"a tensor for one latent, got a dict of \['z'\]"),
            (FakeHierarchy(), torch.zeros(2), r"some of \['z1', 'z2'\], got a tensor"),
            (FakeHierarchy(), {"z3": torch.zeros(2)}, r"got \['z3'\]"),
        ],
    )
    def test_refuses_a_vector_that_does_not_fit(self, model, vector, said):
        with pytest.raises(ValueError, match=f"vector must .*{said}"):
            plots.attribute(model, batch(1), vector)

    def test_refuses_no_strengths(self):
        with pytest.raises(ValueError, match="strengths must have at least one number"):
            plots.attribute(Fake(), batch(1), torch.zeros(2), strengths=[])


class TestLatentCodes:
    def bars(self, figure):
        """Heights, upwards positive, of the bars in their order."""
        panels, bars = figure.axes[0].collections[-3:-1]
        assert len(panels.get_paths())
        return np.array([path.vertices[0, 1] - path.vertices[2, 1] for path in bars.get_paths()])

    @pytest.mark.parametrize("shape", [IMAGE, TABLE], ids=["images", "table"])
    def test_bars_are_the_codes(self, shape):
        model, x = Fake(shape, latent=(3,)), batch(5, shape)
        heights = self.bars(plots.latent_codes(model, x, n=4))
        codes = model.encode(x[:4]).flatten().numpy()
        np.testing.assert_allclose(heights / np.abs(heights).max(), codes / np.abs(codes).max())

    def test_original_to_the_left_and_reconstruction_to_the_right(self):
        model, x = Fake(), batch(2)
        figure = plots.latent_codes(model, x)
        grid = grid_of(figure)
        for row in range(2):
            torch.testing.assert_close(tile(grid, row, 0), x[row])
            torch.testing.assert_close(tile(grid, row, 4), model.reconstruct(x)[row])
        limit = f"{model.encode(x).abs().max():.2g}"
        texts = labels_of(figure.axes[0].get_xticklabels())
        assert texts == [
            "original",
            "",
            f"code: 2 features, −{limit} to {limit}",
            "",
            "reconstruction",
        ]

    def test_several_latents(self):
        model, x = FakeHierarchy(), batch(2)
        heights = self.bars(plots.latent_codes(model, x, site="z2"))
        codes = model.encode(x)["z2"].flatten().numpy()
        np.testing.assert_allclose(heights / np.abs(heights).max(), codes / np.abs(codes).max())
        with pytest.raises(ValueError, match="site must be one of"):
            plots.latent_codes(model, x)


class TestNeighbours:
    def test_samples_beside_their_nearest_data(self):
        model, data = Fake(), batch(30)
        torch.manual_seed(5)
        figure = plots.neighbours(model, data, n=3, k=4)
        torch.manual_seed(5)
        samples = model.sample(3)
        found = nearest_neighbours(samples, data, k=4)
        grid = grid_of(figure)
        for row in range(3):
            torch.testing.assert_close(tile(grid, row, 0), samples[row].clamp(0, 1))
            for column in range(4):
                torch.testing.assert_close(tile(grid, row, column + 1), found.data[row, column])
        texts = [text.get_text() for text in figure.axes[0].texts if text.get_text()]
        assert texts == [f"{d:.2f}" for d in found.distances.flatten().tolist()]

    def test_a_model_that_knows_its_data_by_heart(self):
        class Memory(Fake):
            def sample(self, n):
                return batch(5)[torch.arange(n) % 5]

        figure = plots.neighbours(Memory(), batch(5), k=1, held_out=batch(9, seed=3))
        texts = {text.get_text() for text in figure.axes[0].texts if text.get_text()}
        assert texts == {"0.00"}
        note = figure.axes[0].get_xlabel()
        other = nearest_neighbours(batch(9, seed=3), batch(5)).distances.median()
        assert f"0.00 of 200 samples, {other:.2f} of 9 held-out data" in note


class TestCompareLatentSpaces:
    class Tenfold(Fake):
        """An autoencoder whose codes are ten times as far from zero."""

        def encode(self, x):
            return 10 * super().encode(x)

        def decode(self, z):
            return super().decode(z / 10)

    def test_a_column_of_three_panels_for_each_model(self):
        models, x = {"narrow": Fake(), "wide": self.Tenfold()}, batch(20)
        figure = plots.compare_latent_spaces(models, x, torch.arange(20) % 4, size=3, n=6, seed=1)
        assert len(figure.axes) == 6
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        assert titles[0] == "narrow: codes of data"
        assert titles[3] == "wide: codes of data"
        z = torch.randn(6, 2, generator=torch.Generator().manual_seed(1))
        values = Normal(0.0, 1.0).icdf(torch.tensor([1 / 6, 1 / 2, 5 / 6]))
        for column, model in enumerate(models.values()):
            scatter, plane, samples = figure.axes[3 * column : 3 * column + 3]
            (points,) = scatter.collections
            drawn = np.sort(np.asarray(points.get_offsets()), axis=0)
            np.testing.assert_allclose(drawn, np.sort(model.encode(x), axis=0), atol=1e-5)
            corner = torch.as_tensor(np.array(plane.images[0].get_array()))[:4, :6]
            expected = model.decode(torch.stack([values[0], values[2]])[None]).mean[0, 0]
            torch.testing.assert_close(corner, expected.clamp(0, 1))
            grid = np.asarray(samples.images[0].get_array())
            torch.testing.assert_close(tile(grid, 0, 0), model.decode(z[:1]).mean[0].clamp(0, 1))
        texts = [text.get_text() for text in figure.legends[0].get_texts()]
        assert texts == ["0", "1", "2", "3", "95 % of\nN(0, I)"]

    def test_the_circle_holds_95_percent(self):
        figure = plots.compare_latent_spaces({"a": Fake()}, batch(5))
        (circle,) = figure.axes[0].patches
        # The squared norm of a draw in the plane is exponential with mean 2.
        assert np.exp(-(circle.radius**2) / 2) == pytest.approx(0.05, abs=1e-4)

    def test_refuses_other_latents(self):
        with pytest.raises(ValueError, match="compare_latent_spaces needs .* 2 features, got 3"):
            plots.compare_latent_spaces({"a": Fake(), "b": Fake(latent=(3,))}, batch(3))
        with pytest.raises(ValueError, match=r"got the latents \['z1', 'z2'\]"):
            plots.compare_latent_spaces({"a": FakeHierarchy()}, batch(3))
        with pytest.raises(ValueError, match="at least one model, got none"):
            plots.compare_latent_spaces({}, batch(3))


class TestAggregate:
    """Under the exact posterior of a linear model the aggregated posterior is the prior."""

    def test_bars_and_line_hold_all_but_the_outermost(self):
        model, x = exact_vae(), linear_data(3000)
        figure = plots.aggregated_posterior(model, x, bins=20)
        assert len(figure.axes) == 2
        for axes in figure.axes:
            bars, line = (patch.get_data() for patch in axes.patches)
            np.testing.assert_array_equal(bars.edges, line.edges)
            width = np.diff(bars.edges)
            masses = bars.values * width, line.values * width
            for mass in masses:
                assert 0.97 < mass.sum() <= 1
            expected = np.diff(Normal(0.0, 1.0).cdf(torch.as_tensor(line.edges)).numpy())
            np.testing.assert_allclose(masses[1], expected, atol=1e-5)
            # Four standard errors of a share of 3000 draws, at most 0.15 here.
            assert np.abs(masses[0] - expected).max() < 4 * (0.15 * 0.85 / 3000) ** 0.5

    def test_the_features_that_differ_most_come_first(self):
        model, x = poor_vae(), linear_data(500)
        torch.manual_seed(0)
        distance = distance_from_uniform(map_latents(model, x))
        torch.manual_seed(0)
        figure = plots.aggregated_posterior(model, x)
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        order = distance.argsort(descending=True).tolist()
        assert titles == [f"z{i + 1}, distance {distance[i]:.2f}" for i in order]
        (axes,) = plots.aggregated_posterior(model, x, dimensions=[1]).axes
        assert axes.get_title(loc="left").startswith("z2,")

    def test_points_of_the_square(self):
        model, x = exact_vae(), linear_data(50)
        torch.manual_seed(2)
        figure = plots.probability_integral(model, x, torch.arange(50) % 2, dimensions=(1, 0))
        torch.manual_seed(2)
        u = map_latents(model, x).detach().numpy()[:, ::-1]
        (points,) = figure.axes[0].collections
        drawn = np.asarray(points.get_offsets())
        np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(u, axis=0), atol=1e-6)
        assert figure.axes[0].get_xlabel().startswith("F(z2), ")
        assert figure.axes[0].get_ylabel().startswith("F(z1), ")

    def test_the_two_that_vary_most(self):
        model = tiny_vae()
        figure = plots.probability_integral(model, torch.rand(20, 4))
        assert figure.axes[0].get_xlabel().startswith("F(z1)")

    @pytest.mark.parametrize("dimensions", [(0, 2), (0,), (0, 0, 1)])
    def test_refuses_other_dimensions(self, dimensions):
        with pytest.raises(ValueError, match="dimensions must be"):
            plots.probability_integral(exact_vae(), linear_data(5), dimensions=dimensions)

    def test_a_discrete_latent_has_bars_but_no_square(self):
        from pyrovae.likelihoods import BernoulliLikelihood
        from pyrovae.models import CategoricalVAE
        from pyrovae.nn import MLP

        likelihood = BernoulliLikelihood(MLP(6, [], TABLE))
        model = CategoricalVAE(MLP(TABLE, [], 6), likelihood, variables=2, categories=3)
        x = batch(200, TABLE).round()
        figure = plots.aggregated_posterior(model, x, site="z1", bins=10)
        for axes in figure.axes:
            line = axes.patches[1].get_data()
            mass = line.values * np.diff(line.edges)
            # A fair choice of three, drawn 10,000 times.
            assert mass[[0, -1]] == pytest.approx([2 / 3, 1 / 3], abs=0.02)
        with pytest.raises(ValueError, match="discrete latent has no map"):
            plots.probability_integral(model, x, site="z1")


class TestTraversal:
    def test_varies_one_dimension_a_row(self):
        model = Fake(latent=(4,))
        x = batch(6)
        figure = plots.traversal(model, x, dimensions=[2, 0], steps=5, span=2.0)
        grid = grid_of(figure)
        code = model.encode(x)[0]
        for row, dimension in enumerate([2, 0]):
            for column, value in enumerate([-2.0, -1.0, 0.0, 1.0, 2.0]):
                drawn = model.encode(tile(grid, row, column)[None])[0]
                expected = code.clone()
                expected[dimension] = value
                torch.testing.assert_close(drawn, expected, atol=1e-4, rtol=0)
        axes = figure.axes[0]
        assert labels_of(axes.get_yticklabels()) == ["z[2]", "z[0]"]
        assert labels_of(axes.get_xticklabels()) == ["−2", "−1", "0", "1", "2"]

    def test_default_rows_are_the_most_variable_dimensions(self):
        scales = torch.linspace(0.01, 0.1, 12)[torch.randperm(12, generator=torch.manual_seed(0))]
        x = torch.full((40, *IMAGE), 0.5)
        x.flatten(1)[:, :12] += torch.randn(40, 12).sign() * scales
        figure = plots.traversal(Fake(latent=(12,)), x)
        order = scales.argsort(descending=True)[:10].tolist()
        assert labels_of(figure.axes[0].get_yticklabels()) == [f"z[{i}]" for i in order]

    def test_one_datum_is_enough(self):
        assert len(plots.traversal(Fake(), batch(1)).axes[0].get_yticks()) == 2

    def test_latents_with_several_axes(self):
        model, x = Fake(latent=(2, 2)), batch(2)
        grid = grid_of(plots.traversal(model, x, dimensions=[3], steps=2, span=1.0))
        code = model.encode(tile(grid, 0, 1)[None])[0]
        torch.testing.assert_close(code[1, 1].item(), 1.0, atol=1e-4, rtol=0)
        torch.testing.assert_close(code[0], model.encode(x)[0, 0])

    def test_several_latents(self):
        model, x = FakeHierarchy(), batch(3)
        grid = grid_of(plots.traversal(model, x, site="z2", dimensions=[0], steps=2, span=1.0))
        codes = model.encode(tile(grid, 0, 0)[None])
        torch.testing.assert_close(codes["z1"], model.encode(x)["z1"][:1])
        torch.testing.assert_close(codes["z2"][0, 0].item(), -1.0, atol=1e-4, rtol=0)
        with pytest.raises(ValueError, match=r"site must be one of \['z1', 'z2'\], got None"):
            plots.traversal(model, x)

    def test_refuses_a_site_that_is_not_there(self):
        with pytest.raises(ValueError, match="one latent, got 'z7'"):
            plots.traversal(Fake(), batch(1), site="z7")

    @pytest.mark.parametrize("dimensions", [[], [2], [-1]])
    def test_refuses_unknown_dimensions(self, dimensions):
        with pytest.raises(ValueError, match="dimensions must be some of 0 to 1, got"):
            plots.traversal(Fake(), batch(1), dimensions=dimensions)

    @pytest.mark.parametrize("span", [0.0, -1.0, float("inf"), float("nan")])
    def test_refuses_bad_spans(self, span):
        with pytest.raises(ValueError, match="span must be positive and finite, got"):
            plots.traversal(Fake(), batch(1), span=span)


class TestManifold:
    @pytest.mark.parametrize("declares", [True, False])
    def test_z1_to_the_right_and_z2_upwards(self, declares):
        model = Fake(declares=declares)
        grid = grid_of(plots.manifold(model, size=3, span=2.0))
        for row, z2 in enumerate([2.0, 0.0, -2.0]):
            for column, z1 in enumerate([-2.0, 0.0, 2.0]):
                code = model.encode(tile(grid, row, column)[None])[0]
                torch.testing.assert_close(code, torch.tensor([z1, z2]), atol=1e-4, rtol=0)

    def test_quantiles_of_a_normal(self):
        figure = plots.manifold(Fake(), size=4)
        expected = Normal(0.0, 1.0).icdf(torch.tensor([0.125, 0.375, 0.625, 0.875]))
        grid = grid_of(figure)
        drawn = [Fake().encode(tile(grid, 0, c)[None])[0, 0].item() for c in range(4)]
        np.testing.assert_allclose(drawn, expected, atol=1e-4)

    def test_labels(self):
        figure = plots.manifold(Fake(), size=3, span=1.5)
        pixels(figure)
        (axes,) = figure.axes
        assert labels_of(axes.get_xticklabels()) == ["−1.50", "0.00", "1.50"]
        assert labels_of(axes.get_yticklabels()) == ["1.50", "0.00", "−1.50"]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("z1", "z2")
        # Below the table, where its axis is.
        assert axes.get_xticklabels()[0].get_window_extent().y1 <= axes.get_window_extent().y0

    def test_many_values_are_not_all_labelled(self):
        texts = labels_of(plots.manifold(Fake()).axes[0].get_xticklabels())
        assert len(texts) == 20
        assert sum(map(bool, texts)) == 10

    def test_table(self):
        drawn = profiles(plots.manifold(Fake(TABLE), size=2, span=1.0))
        # Even features show z1, odd ones z2; the table begins with the largest z2.
        np.testing.assert_allclose(drawn[:, 0], [0, 1, 0, 1], atol=1e-5)
        np.testing.assert_allclose(drawn[:, 1], [1, 1, 0, 0], atol=1e-5)

    @pytest.mark.parametrize("declares", [True, False])
    def test_refuses_other_latents(self, declares):
        model = Fake(latent=(3,), declares=declares)
        with pytest.raises(ValueError, match=r"2 features, got 3 \(shape \(3,\)\)"):
            plots.manifold(model)

    def test_refuses_several_latents(self):
        with pytest.raises(ValueError, match=r"got the latents \['z1', 'z2'\]"):
            plots.manifold(FakeHierarchy())


class TestLatentScatter:
    def points(self, figure):
        """Positions and colours, in the order of drawing."""
        drawn = [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]
        offsets = np.concatenate([np.asarray(c.get_offsets()) for c in drawn])
        return offsets, np.concatenate([c.get_facecolors()[:, :3] for c in drawn])

    def test_two_dimensions_are_drawn_as_they_are(self):
        model, x = Fake(), batch(30)
        labels = torch.arange(30) % 3
        figure = plots.latent_scatter(model, x, labels, label_names=["a", "b", "c"])
        offsets, colours = self.points(figure)
        codes = model.encode(x).numpy()
        found = [int(np.abs(codes - offset).sum(axis=1).argmin()) for offset in offsets]
        assert sorted(found) == list(range(30))
        np.testing.assert_allclose(offsets, codes[found], atol=1e-5)
        expected = np.array([to_rgba(COLOURS[i % 3])[:3] for i in found])
        np.testing.assert_allclose(colours, expected)
        axes = figure.axes[0]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("z1", "z2")
        assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "c"]

    def test_one_dimension(self):
        model, x = Fake(latent=(1,)), batch(20)
        figure = plots.latent_scatter(model, x, torch.arange(20) % 2, label_names=["no", "yes"])
        offsets, _ = self.points(figure)
        codes = np.sort(model.encode(x)[:, 0].numpy())
        np.testing.assert_allclose(np.sort(offsets[:, 0]), codes, atol=1e-5)
        assert labels_of(figure.axes[0].get_yticklabels()) == ["no", "yes"]
        odd = np.sort(model.encode(x)[1::2, 0].numpy())
        np.testing.assert_allclose(np.sort(offsets[offsets[:, 1] > 0.5, 0]), odd, atol=1e-5)

    def test_pca_finds_the_directions_of_variance(self):
        model = Fake(latent=(4,))
        generator = torch.manual_seed(0)
        codes = torch.randn(500, 4, generator=generator) * torch.tensor([0.1, 3.0, 0.0, 1.0])
        figure = plots.latent_scatter(model, model.decode(codes).mean)
        offsets, _ = self.points(figure)
        assert offsets.std(axis=0) == pytest.approx([3.0, 1.0], rel=0.1)
        assert "(90% of the variance)" in figure.axes[0].get_xlabel()
        assert "(10% of the variance)" in figure.axes[0].get_ylabel()
        assert not figure.legends

    def test_tsne_keeps_clusters_and_repeats(self):
        model = Fake(latent=(3,))
        labels = torch.arange(20) % 2
        codes = torch.randn(20, 3, generator=torch.manual_seed(0)) + 20 * labels[:, None]
        x = model.decode(codes).mean
        figure = plots.latent_scatter(model, x, labels, method="tsne", seed=1)
        offsets, colours = self.points(figure)
        first = (colours == colours[0]).all(axis=1)
        within = np.ptp(offsets[first], axis=0).max()
        between = np.linalg.norm(offsets[first].mean(axis=0) - offsets[~first].mean(axis=0))
        assert between > within / 2
        again, _ = self.points(plots.latent_scatter(model, x, labels, method="tsne", seed=1))
        np.testing.assert_array_equal(offsets, again)
        assert "t-SNE" in figure.axes[0].get_title(loc="left")

    def test_tsne_is_cut(self, monkeypatch):
        monkeypatch.setattr("pyrovae.plots.scatter.MOST_TSNE_POINTS", 10)
        model, x = Fake(latent=(3,)), batch(15)
        figure = plots.latent_scatter(model, x, torch.arange(15), method="tsne")
        assert "the first 10 of 15 data" in figure.axes[0].get_title(loc="left")
        assert len(self.points(figure)[0]) == 10
        assert len(figure.legends[0].get_texts()) == 10

    def test_more_labels_than_colours_get_other_markers(self):
        figure = plots.latent_scatter(Fake(), batch(24), torch.arange(24) % 12)
        handles = figure.legends[0].legend_handles
        looks = {(handle.get_color(), handle.get_marker()) for handle in handles}
        assert len(looks) == 12
        assert len(self.points(figure)[0]) == 24

    def test_several_latents(self):
        model, x = FakeHierarchy(), batch(6)
        figure = plots.latent_scatter(model, x, site="z2")
        offsets, _ = self.points(figure)
        expected = model.encode(x)["z2"].numpy()
        np.testing.assert_allclose(np.sort(offsets, axis=0), np.sort(expected, axis=0), atol=1e-5)
        assert figure.axes[0].get_xlabel() == "z2[0]"
        with pytest.raises(ValueError, match=r"site must be one of \['z1', 'z2'\], got None"):
            plots.latent_scatter(model, x)

    def test_refuses_an_unknown_method(self):
        with pytest.raises(ValueError, match=r"one of \('pca', 'tsne'\), got 'umap'"):
            plots.latent_scatter(Fake(), batch(3), method="umap")

    @pytest.mark.parametrize("labels", [torch.zeros(4), torch.zeros(3, 1)])
    def test_refuses_labels_of_another_shape(self, labels):
        with pytest.raises(ValueError, match=r"labels must have shape \(3,\), got"):
            plots.latent_scatter(Fake(), batch(3), labels)

    def test_refuses_fractions(self):
        with pytest.raises(ValueError, match="labels must be whole numbers"):
            plots.latent_scatter(Fake(), batch(2), torch.tensor([0.5, 1.0]))

    def test_refuses_too_few_names(self):
        with pytest.raises(ValueError, match="must name labels 0 to 2, got 2 names"):
            plots.latent_scatter(Fake(), batch(3), torch.arange(3), label_names=["a", "b"])

    @pytest.mark.parametrize("method", ["pca", "tsne"])
    def test_refuses_to_project_two_data(self, method):
        with pytest.raises(ValueError, match="at least 3 data, got 2"):
            plots.latent_scatter(Fake(latent=(3,)), batch(2), method=method)

    @pytest.mark.parametrize("method", ["pca", "tsne"])
    def test_three_data_are_enough(self, method):
        pixels(plots.latent_scatter(Fake(latent=(3,)), batch(3), method=method))

    def test_refuses_undefined_codes(self):
        x = batch(3)
        x[1] = torch.nan
        with pytest.raises(ValueError, match="codes must be finite, got 1 of 3 that are not"):
            plots.latent_scatter(Fake(), x)


@pytest.mark.parametrize("shape", [IMAGE, TABLE], ids=["images", "table"])
def test_a_real_model(shape):
    from pyrovae.likelihoods import BernoulliLikelihood
    from pyrovae.models import VAE
    from pyrovae.nn import MLP
    from pyrovae.posteriors import NormalPosterior
    from pyrovae.priors import NormalPrior

    torch.manual_seed(0)
    posterior = NormalPosterior(MLP(shape, [8], 4))
    model = VAE(NormalPrior(2), posterior, BernoulliLikelihood(MLP(2, [8], shape)))
    model.train()
    x = batch(12, shape)
    for name, make in (FIGURES | PROGRAM_FIGURES).items():
        pixels(make(model, x))
        assert model.training, name
    pixels(plots.interpolation(model, x[0], x[1]))
    if shape == IMAGE:
        grid = grid_of(plots.reconstructions(model, x))
        torch.testing.assert_close(tile(grid, 1, 3), model.reconstruct(x)[3])
