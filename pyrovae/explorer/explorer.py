"""What can be asked of a model and its data."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pyrovae.datasets import Data, Split, TensorSplit
from pyrovae.evaluation import score
from pyrovae.explorer.about import about
from pyrovae.explorer.drawings import read_drawing
from pyrovae.explorer.generating import data_of, forward, prior_of
from pyrovae.explorer.plane import Plane
from pyrovae.explorer.shown import Look
from pyrovae.explorer.survey import Survey
from pyrovae.handlers import latent_means, tensors_taken
from pyrovae.latent_space.paths import PATHS, paths_within
from pyrovae.nn.modes import evaluation_mode
from pyrovae.programs import dtype_of
from pyrovae.scope import isolated, without_validation

__all__ = ["Explorer"]

POINTS = 2000
DRAWS = 200
MOST_AT_ONCE = 100

Values = Mapping[str, Sequence[float]]


class Explorer:
    """A model and some of its data, and the answers to what is asked of them, as plain values.

    A position in the latent space is given as the knobs of each latent site: its numbers, or which
    category or code each of its variables has.

    Args:
        model: The model.
        data: Its data.
        split: Which of them are looked at; the training data, if left out.
        title: What is explored.

    Attributes:
        x: The data that are looked at, the first 2000 of the split.
        labels: Theirs, or None.

    Raises:
        ValueError: If the model has no latents.
    """

    def __init__(
        self, model: Any, data: Data, split: Split | None = None, *, title: str = "model"
    ) -> None:
        self.model, self.data, self.title = model.eval(), data, title
        chosen = data.train if split is None else split
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            batch = chosen.leading(tensors_taken(model.model)).cast(dtype_of(model)).take(POINTS)
        self.batch: tuple[Tensor, ...] = tuple(value.to(model.device) for value in batch)
        self.x = self.batch[0]
        self.labels = None if chosen.labels is None else chosen.labels[: len(self.x)]
        self.attributes = None if chosen.attributes is None else chosen.attributes[: len(self.x)]
        self.masked = bool(getattr(model, "sees_masks", False)) and len(self.batch) > 1
        self.given = () if self.masked else self.batch[1:]
        if not _codes(model, [value[:2] for value in self.batch]):
            raise ValueError(
                f"{type(model).__name__} has no latents to explore; use pyrovae sample to see its "
                "draws"
            )
        self.survey = Survey.of(model, self.batch, self.given)
        self.looks = self._looks()

    def about(self) -> dict[str, Any]:
        """What there is to explore, and what this model and its data do not allow."""
        return about(self)

    def plane(self, site: str, axes: Sequence[int] = ()) -> dict[str, Any]:
        """Where the data lie in a plane of a latent: two of its knobs, or its principal plane.

        Raises:
            ValueError: If there is no such latent or knob.
        """
        self._check_site(site)
        return Plane.of(self.survey.means[site], axes).plain()

    def thumbnails(self, which: Sequence[int]) -> list[dict[str, Any]]:
        """Some of the data, as they are shown.

        Raises:
            ValueError: If there is no such datum, or too many are asked for.
        """
        if len(which) > MOST_AT_ONCE:
            raise ValueError(f"expected at most {MOST_AT_ONCE} data at once, got {len(which)}")
        return [self._datum(self._row(i)) for i in which]

    def decode(
        self, knobs: Values, *, moved: str | None = None, condition: int = 0
    ) -> dict[str, Any]:
        """What latents decode to: the mean of the likelihood.

        Args:
            knobs: The position.
            moved: The latent that has been moved: those that depend on it follow, at their means.
            condition: The datum whose condition holds, where the model takes one.
        """
        position = self._position(knobs)
        follow = () if moved is None else self.survey.followers.get(moved, ())
        held = {name: value for name, value in position.items() if name not in follow}
        sites = forward(self.model, 1, self._given([condition]), held)
        settled = {name: self._read(name, sites[name]["value"]) for name in position}
        return {"knobs": settled, "data": self._shown(sites, 0)}

    def encode(self, index: int) -> dict[str, Any]:
        """A datum, its posterior, its reconstruction, its bound and its log-likelihood."""
        answer = self._encoded(self._row(index))
        if self.labels is not None:
            answer["label"] = self.label(int(self.labels[index]))
        return answer

    def draw(self, content: bytes, *, invert: bool = False, condition: int = 0) -> dict[str, Any]:
        """What the model makes of the bytes of an image; see `encode`.

        Raises:
            ValueError: If the data are no images, the bytes are none, or there is no such datum
                as ``condition``.
        """
        shape = tuple(self.x.shape[1:])
        if self.looks["x"].kind != "image" or (len(shape) == 3 and shape[0] not in (1, 3)):
            raise ValueError("the data of this run are not images, so none can be encoded")
        beside = self._row(condition)[1:]
        look = self.looks["x"]
        x = read_drawing(content, shape, invert=invert) * (look.high - look.low) + look.low
        if bool(((self.x == 0) | (self.x == 1)).all()):
            x = (x > 0.5).float()
        row = (x.unsqueeze(0).to(self.x), *beside)
        if self.masked:
            row = (row[0], torch.ones_like(row[1]))
        return self._encoded(row)

    def path(self, start: int, end: int, *, kind: str | None = None, steps: int = 9) -> list[Any]:
        """What lies between two data: points on the way between their codes, decoded.

        Args:
            start: The datum that it begins at.
            end: The one that it ends at.
            kind: Its name, among those that some latent's range allows. A latent that does not
                allow it, and each latent if it is left out, takes the usual path of its range.
            steps: How many points, with both ends.

        Raises:
            ValueError: If no latent has a path of this kind, or there are too many steps.
        """
        ways = self.survey.paths
        if (kind is not None and kind not in ways) or not 2 <= steps <= MOST_AT_ONCE:
            raise ValueError(
                f"expected a path among {', '.join(ways)}, of 2 to {MOST_AT_ONCE} steps"
            )
        self._row(start), self._row(end)
        weights = torch.linspace(0, 1, steps)
        way: dict[str, Tensor] = {}
        for name, knob in self.survey.knobs.items():
            first, last = (self.survey.means[name][i : i + 1] for i in (start, end))
            if knob.gradual:
                within = paths_within(knob.kind)
                chosen = next((path for path in within if path == kind), within[0])
                way[name] = PATHS[chosen](first, last, weights)[0]
            else:  # nothing lies between: one after the other
                way[name] = torch.where(weights[:, None] < 0.5, first, last)
        return self._decoded(way, [start] * steps)

    def sample(self, n: int, *, seed: int = 0, condition: int = 0) -> list[Any]:
        """Draws from the prior, decoded.

        Raises:
            ValueError: If the model has no prior, too many are asked for, or the seed is none.
        """
        if not self.survey.has_prior:
            raise ValueError("this model has no prior to draw from")
        if not 1 <= n <= MOST_AT_ONCE:
            raise ValueError(f"expected 1 to {MOST_AT_ONCE} samples, got {n}")
        if not 0 <= seed < 2**63:
            raise ValueError("seed: expected a whole number from 0 to 2**63 - 1")
        found = prior_of(self.model, n, self._given([condition] * n), seed)
        way = {name: self.survey.knobs[name].read(z.cpu()) for name, (_, z) in found.items()}
        return self._decoded(way, [condition] * n)

    def _decoded(self, way: dict[str, Tensor], conditions: list[int]) -> list[Any]:
        latents = {n: self.survey.knobs[n].make(v).to(self.x) for n, v in way.items()}
        sites = forward(self.model, len(conditions), self._given(conditions), latents)
        knobs = {n: self.survey.knobs[n].read(z.cpu()).tolist() for n, z in latents.items()}
        return [
            {"knobs": {n: k[i] for n, k in knobs.items()}, "data": self._shown(sites, i)}
            for i in range(len(conditions))
        ]

    def _encoded(self, row: tuple[Tensor, ...]) -> dict[str, Any]:
        codes = _codes(self.model, row)
        given = () if self.masked else row[1:]
        sites = forward(self.model, 1, given, codes)
        scores = score(self.model, TensorSplit(*row), samples=DRAWS, compile=False)
        names = ("elbo", "reconstruction", "kl", "log_likelihood", "mc_se", "ess")
        numbers = {n: v for n in names if (v := _number(getattr(scores, n))) is not None}
        return {
            "knobs": {n: self._read(n, codes[n]) for n in self.survey.knobs},
            "datum": self._datum(row),
            "data": self._shown(sites, 0),
            "numbers": numbers,
            "samples": DRAWS,
            "density": scores.is_density,
            "undefined": scores.undefined,
        }

    def _looks(self) -> dict[str, Look]:
        columns = self.data.columns
        codes = _codes(self.model, self._row(0))
        sites = data_of(forward(self.model, 1, self._given([0]), codes))
        if len(sites) == 1:
            (name,) = sites
            look = Look.of(self.x, columns)
            return {name: look, "x": look}
        shown = {name: Look.of(fn.mean) for name, fn in sites.items()}
        return {"x": Look.of(self.x)} | shown

    def _shown(self, sites: Mapping[str, Any], i: int) -> dict[str, Any]:
        shown = {}
        for name, fn in data_of(sites).items():
            one = fn if fn.batch_shape == torch.Size([1]) else None
            try:
                mean = fn.mean
            except NotImplementedError:
                mean = sites[name]["value"]
            shown[name] = self.looks[name].shown(mean[i], one)
        return shown

    def _datum(self, row: tuple[Tensor, ...]) -> dict[str, Any]:
        return self.looks["x"].shown(row[0][0], mask=row[1][0] if self.masked else None)

    def _row(self, index: int) -> tuple[Tensor, ...]:
        if not 0 <= index < len(self.x):
            raise ValueError(f"expected a datum from 0 to {len(self.x) - 1}, got {index!r:.30}")
        return tuple(value[index : index + 1] for value in self.batch)

    def _given(self, conditions: Sequence[int]) -> list[Tensor]:
        for index in conditions[:1]:
            self._row(index)
        return [value[torch.as_tensor(conditions)] for value in self.given]

    def _position(self, knobs: Values) -> dict[str, Tensor]:
        if set(knobs) != set(self.survey.knobs):
            raise ValueError(
                f"expected knobs of {', '.join(self.survey.knobs)}, got {list(knobs)}"
            )
        found = {}
        for name, knob in self.survey.knobs.items():
            values = knobs[name]
            if len(values) != knob.count:
                raise ValueError(f"{name}: expected {knob.count} knobs, got {len(values)}")
            try:
                numbers = torch.tensor([[float(value) for value in values]], dtype=torch.float32)
            except OverflowError:  # a whole number that no float holds
                numbers = torch.tensor([[torch.inf]])
            if not bool(numbers.isfinite().all()):
                raise ValueError(f"{name}: expected finite numbers")
            found[name] = knob.make(numbers).to(self.x)
        return found

    def _read(self, site: str, z: Tensor) -> list[float]:
        knobs: list[float] = self.survey.knobs[site].read(z.cpu())[0].tolist()
        return knobs

    def _check_site(self, site: str) -> None:
        if site not in self.survey.knobs:
            raise ValueError(
                f"expected a latent among {', '.join(self.survey.knobs)}, got {site!r}"
            )

    def label(self, label: int) -> str:
        """What a label is called."""
        names = self.data.label_names
        return str(label) if names is None or not 0 <= label < len(names) else names[label]


def _codes(model: Any, batch: Sequence[Tensor]) -> dict[str, Tensor]:
    """The posterior's means of a batch, by site."""
    with (
        isolated(model.device, 0),
        evaluation_mode(model),
        without_validation(),
        torch.no_grad(),
    ):
        return latent_means(model.guide, *batch)


def _number(value: Tensor | None) -> float | None:
    return None if value is None or not bool(value.isfinite().all()) else float(value[0])
