"""What there is to explore of a model, and what it does not allow."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from pyrovae.explorer.explorer import Explorer

__all__ = ["about"]

MOST_KNOBS = 200
#: Where latents lie that cannot be moved anywhere.
WHERE = {
    "bounded": "on a half-line or in an interval",
    "sphere": "on a sphere",
    "simplex": "on a simplex",
    "ball": "in the unit ball",
}
LEAST = 2  # data with and without an attribute


def about(explorer: "Explorer") -> dict[str, Any]:
    """The title, the latents with their knobs, the labels, and what cannot be shown and why."""
    survey = explorer.survey
    sites = [_site(explorer, name) for name in survey.knobs]
    sites.sort(key=lambda site: -site["kl"])
    return {
        "title": explorer.title,
        "points": len(explorer.x),
        "kind": explorer.looks["x"].kind,
        "shape": list(explorer.x.shape[1:]),
        "sites": sites,
        "paths": survey.paths,
        "labels": None if explorer.labels is None else explorer.labels.tolist(),
        "label_names": _label_names(explorer),
        "attributes": list(_attributes(explorer)),
        "conditional": bool(explorer.given),
        "conditions": _conditions(explorer),
        "has_prior": survey.has_prior,
        "notes": list(_notes(explorer)),
    }


def _site(explorer: "Explorer", name: str) -> dict[str, Any]:
    survey, knob = explorer.survey, explorer.survey.knobs[name]
    kl, names = survey.kls[name], knob.names()
    order = survey.order(name)[:MOST_KNOBS]
    return {
        "name": name,
        "kind": knob.kind,
        "count": knob.count,
        "choices": knob.choices,
        "gradual": knob.gradual,
        "kl": 0.0 if kl is None else float(kl.sum()),
        "knobs": [
            {
                "index": i,
                "name": names[i],
                "kl": None if kl is None else round(float(kl[i]), 4),
                "low": float(survey.ranges[name][i, 0]),
                "high": float(survey.ranges[name][i, 1]),
            }
            for i in order
        ],
        "start": _start(survey.means[name], knob.choices),
    }


def _start(means: Tensor, choices: int | None) -> list[float]:
    middle: list[float] = (means.mean(0) if choices is None else means[0]).tolist()
    return middle


def _label_names(explorer: "Explorer") -> list[str] | None:
    if explorer.labels is None:
        return None
    most = int(explorer.labels.max())
    return [explorer.label(i) for i in range(most + 1)]


def _attributes(explorer: "Explorer") -> Iterator[dict[str, Any]]:
    """The differences of mean codes of data with and without an attribute."""
    gradual = {n: m for n, m in explorer.survey.means.items() if explorer.survey.knobs[n].gradual}
    if not gradual:
        return
    for name, mask in _masks(explorer):
        if LEAST <= int(mask.sum()) <= len(mask) - LEAST:
            vector = {n: (m[mask].mean(0) - m[~mask].mean(0)).tolist() for n, m in gradual.items()}
            yield {"name": name, "vector": vector}


def _masks(explorer: "Explorer") -> Iterator[tuple[str, Tensor]]:
    if explorer.attributes is not None and explorer.data.attribute_names is not None:
        for i, name in enumerate(explorer.data.attribute_names):
            yield name, explorer.attributes[:, i].cpu()
    elif explorer.labels is not None:
        labels = explorer.labels.cpu()
        for label in labels.unique().tolist():
            yield explorer.label(label), labels == label


def _conditions(explorer: "Explorer") -> list[dict[str, Any]] | None:
    """A datum of each class, where the model is conditional on classes."""
    if not explorer.given or explorer.given[0].is_floating_point() or explorer.given[0].dim() != 1:
        return None
    y = explorer.given[0].cpu()
    firsts = {int(label): int((y == label).nonzero()[0]) for label in y.unique()}
    return [{"name": explorer.label(label), "datum": i} for label, i in firsts.items()]


def _notes(explorer: "Explorer") -> Iterator[str]:
    survey = explorer.survey
    if not survey.has_prior:
        yield (
            "This model has no prior: there are no samples, and the latents are in the order of the "
            "variance of their codes."
        )
    for name, knob in survey.knobs.items():
        if not knob.gradual:
            what = "code" if knob.kind == "code" else "category"
            yield (
                f"The latent {name} is discrete: a slider chooses the {what} of a variable, and there is "
                "nothing between two points of the map to drag through."
            )
        elif knob.kind in WHERE:
            where = WHERE[knob.kind]
            yield f"The latent {name} lies {where}: what is chosen is moved to the nearest point of it."
        if knob.count > MOST_KNOBS:
            yield f"The latent {name} has {knob.count} variables; the first {MOST_KNOBS} have sliders."
    for name, those in survey.followers.items():
        if those:
            yield f"When {name} is moved, {', '.join(those)} follow at their means."
    if explorer.labels is None and explorer.attributes is None:
        yield "The data have no labels: there are no colours on the map and no attributes."
    if explorer.looks["x"].kind != "image":
        yield "The data are no images: choose a datum on the map to encode it."
    if len(explorer.looks) > 2:
        yield "The model has several data sites; each is shown."
