"""The gallery and the tutorials: scripts that run while the site is built, and their figures."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyro
from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

HERE = Path(__file__).parent
#: The examples as the gallery reads them, and what they write.
EXAMPLES = HERE / "_build" / "examples"
RUNS = HERE / "_build" / "runs"

#: The title of each example, and what it is run with here: few epochs, as the site is to be built
#: in minutes.
SHOWN: dict[str, tuple[str, list[str]]] = {
    "plain_svi.py": ("A VAE trained by Pyro alone", ["--epochs", "10"]),
    "train_mnist.py": (
        "The library's trainer",
        ["--data", "digits", "--epochs", "60", "--samples", "100"],
    ),
    "autoencoder_vs_vae.py": ("Autoencoder and VAE", ["--epochs", "40"]),
    "conditional.py": ("A conditional VAE", ["--epochs", "40", "--samples", "10"]),
    "vq_vae.py": ("A VQ-VAE in two stages", ["--epochs", "30"]),
    "missing_data.py": ("Missing pixels", ["--epochs", "30", "--samples", "10"]),
    "tables.py": ("A table with gaps", ["--epochs", "100"]),
    "counts.py": ("Counts of cells", ["--epochs", "60"]),
    "modalities.py": ("Digits and their labels", ["--epochs", "30", "--samples", "50"]),
    "tokens.py": ("Sentences of several lengths", ["--epochs", "40"]),
    "inpainting.py": ("Inpainting", ["--epochs", "20", "--draws", "5", "--images", "4"]),
    "exact_posterior.py": ("Exact posteriors", ["--epochs", "20", "--draws", "100"]),
    "semi_amortised.py": (
        "Semi-amortised inference",
        ["--epochs", "10", "--steps", "20", "--images", "10"],
    ),
    "faces.py": ("Attributes and paths", ["--epochs", "40"]),
    "vamp_prior.py": ("Three priors", ["--epochs", "15", "--samples", "10"]),
    "importance_weighted.py": ("Importance weighting", ["--epochs", "5", "--samples", "10"]),
    "deep_hierarchy.py": (
        "Layers at several resolutions",
        ["--epochs", "3", "--samples", "5", "--channels", "[8,8]", "--layers", "[2,2]"],
    ),
    "hierarchical.py": ("Layers of latents", ["--epochs", "3", "--samples", "10"]),
    "discrete_latents.py": ("Discrete latents", ["--epochs", "5", "--samples", "10"]),
    "semi_supervised.py": ("Few labels", ["--epochs", "5"]),
    "stacked.py": ("Few labels, in two stages", ["--epochs", "5"]),
    "quadrants.py": ("Missing quadrants", ["--epochs", "3"]),
    "custom_prior.py": ("Writing your own prior", ["--epochs", "10"]),
    "custom_objective.py": ("Writing your own estimator", ["--epochs", "10"]),
}
#: A figure for those that draw none.
THUMBNAILS = {
    "quadrants.py": "figures/pyro-inpainting.png",
    "counts.py": "figures/latent-spaces.png",
    "tokens.py": "figures/latent-spaces.png",
}
HEADER = """Gallery
=======

Every example of the library, run when this site was built, with few epochs on small images. Each has
fewer than 80 lines and takes real data by ``--data``.
"""


def write_examples() -> None:
    """Gives the docstring of each example the form that the gallery asks for."""
    found = {path.name: path for path in (HERE.parent / "examples").glob("*.py")}
    if found.keys() != SHOWN.keys():
        raise ValueError(f"SHOWN: expected each example once, got {found.keys() ^ SHOWN.keys()}")
    RUNS.mkdir(parents=True, exist_ok=True)
    EXAMPLES.mkdir(parents=True, exist_ok=True)
    write_if_new(EXAMPLES / "GALLERY_HEADER.rst", HEADER)
    for name, path in found.items():
        source = for_the_gallery(path.read_text(), SHOWN[name][0])
        if name in THUMBNAILS:
            source += f"\n# sphinx_gallery_thumbnail_path = '{THUMBNAILS[name]}'\n"
        write_if_new(EXAMPLES / name, source)


def for_the_gallery(source: str, title: str) -> str:
    """Puts a title above the docstring of a script, and its commands into a block."""
    docstring, rest = source.removeprefix('"""').split('"""', 1)
    lines: list[str] = []
    for line in docstring.splitlines():
        command = re.match(r"(python|cd|pyrovae|    ) ?", line)
        if command and (not lines or not lines[-1].startswith("    ")):
            lines += ["", "::", ""]
        elif not command and lines and lines[-1].startswith("    "):
            lines.append("")
        lines.append(f"    {line.strip()}" if command else line)
    text = "\n".join(lines)
    return f'r"""\n{title}\n{"=" * len(title)}\n\n{text}\n"""{rest}'


def write_if_new(path: Path, text: str) -> None:
    """Leaves a file alone that is right: the gallery runs again what has changed."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def arguments(gallery_conf: Mapping[str, Any], script_vars: Mapping[str, Any]) -> list[str]:
    """The command line that a script of the gallery sees."""
    path = Path(script_vars["src_file"])
    if path.name not in SHOWN:
        return []
    words = SHOWN[path.name][1]
    takes_out = "    out: str" in path.read_text()
    return [*words, "--out", str(RUNS / path.stem)] if takes_out else words


def forget(gallery_conf: Mapping[str, Any], script: str) -> None:
    """Gives every script an empty parameter store."""
    pyro.clear_param_store()


def figures(block: object, block_vars: Mapping[str, Any], gallery_conf: Mapping[str, Any]) -> str:
    """Shows the figures that a block has made: matplotlib's, or files in the example's folder."""
    made: list[str] = []
    places = block_vars["image_path_iterator"]
    values = block_vars["example_globals"]
    shown = values.setdefault("__shown__", set())
    for value in list(values.values()):
        if isinstance(value, Figure) and id(value) not in shown:
            shown.add(id(value))
            made.append(next(places))
            value.savefig(made[-1], dpi=110)
    script = Path(block_vars["src_file"])
    for file in sorted([*(RUNS / script.stem).rglob("*.png"), *script.parent.glob("*.png")]):
        made.append(next(places))
        file.rename(made[-1])
    return figure_rst(made, gallery_conf["src_dir"])


# What Sphinx keeps between builds has to be pickled, so functions are named.
GALLERY: dict[str, Any] = {
    "examples_dirs": [str(HERE / "tutorials"), str(EXAMPLES)],
    "gallery_dirs": ["learn/tutorials", "gallery"],
    "filename_pattern": r"\.py$",
    "image_scrapers": ("gallery.figures",),
    "reset_argv": "gallery.arguments",
    "reset_modules": ("gallery.forget",),
    "capture_repr": ("__str__",),
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "min_reported_time": 10**9,
    "write_computation_times": False,
}
