"""A model as a folder that a hub shows: weights as safetensors, how it is made as JSON, a card."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from pyrovae.checkpoint.describe import describe
from pyrovae.checkpoint.precision import check_precision
from pyrovae.component import Component
from pyrovae.files import atomic

__all__ = ["CARD", "CONFIG", "WEIGHTS", "check_folder", "read_folder", "save_folder"]

FORMAT = "pyrovae folder 1"
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
LARGEST_CONFIG = 16 * 2**20  # bytes
LACKING = "folders of weights need safetensors: pip install 'pyrovae[export]'"


def save_folder(
    model: Component,
    folder: str | os.PathLike[str],
    *,
    card: str,
    state: Mapping[str, Tensor] | None = None,
) -> list[Path]:
    """Writes a model as a folder that `load` reads.

    ``model.safetensors`` holds the weights, ``config.json`` says how the model is made, and
    ``README.md`` is the card that a hub shows. None of them is code. ``config.json`` is written
    last and bears the SHA-256 of the weights and of itself, so that files that do not belong
    together are not read as one model.

    Args:
        model: The model.
        folder: The folder; other files in it stay. Of these three only such are replaced as were
            written by this function.
        card: A model card in Markdown.
        state: The weights; the model's own if left out.

    Returns:
        The files.

    Raises:
        ValueError: If something in the model cannot be recorded, which is named, its parameters
            are of several precisions, a file of somebody else's would be replaced, or safetensors
            is not installed.
    """
    try:
        from safetensors.torch import save
    except ImportError:
        raise ValueError(LACKING) from None
    check_folder(folder)
    components = describe(model)
    weights = model.state_dict() if state is None else state
    check_precision(model, weights, "save_folder")
    # A copy each: the format does not hold one tensor under two names.
    plain = {name: value.detach().cpu().clone().contiguous() for name, value in weights.items()}
    content = save(plain, {"format": "pt"})
    config: dict[str, Any] = {"format": FORMAT, "components": components}
    config["weights_sha256"] = hashlib.sha256(content).hexdigest()
    config["sha256"] = _digest(config)
    target = Path(folder)
    contents = {
        WEIGHTS: content,
        CARD: card.encode(),
        CONFIG: f"{json.dumps(config, indent=2)}\n".encode(),
    }
    for name, written in contents.items():
        with atomic(target / name) as temporary:
            temporary.write_bytes(written)
    return [target / name for name in contents]


def check_folder(folder: str | os.PathLike[str]) -> None:
    """Looks whether `save_folder` may write to a folder, before the work that it takes.

    Raises:
        ValueError: If it is a file, or holds one that `save_folder` did not write and would
            replace.
    """
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise ValueError(f"folder: expected a folder, but {target} is a file")
    there = [name for name in (CONFIG, WEIGHTS, CARD) if os.path.lexists(target / name)]
    if not there:
        return
    try:
        _read_config(target / CONFIG)
    except (ValueError, OSError):
        raise ValueError(
            f"folder: expected one that pyrovae wrote, or one without {', '.join(there)}, which "
            f"would be overwritten, got {target}"
        ) from None


def read_folder(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads what `save_folder` wrote, as `read` gives a checkpoint's content.

    Raises:
        FileNotFoundError: If the folder holds no model.
        ValueError: If its files are damaged or do not belong together, or safetensors is not
            installed.
    """
    config_file, weights = Path(folder) / CONFIG, Path(folder) / WEIGHTS
    checkpoint = Path(folder) / "checkpoint.pt"
    if checkpoint.is_file() and not config_file.is_file():
        raise FileNotFoundError(f"{folder}: it is a run folder: load('{checkpoint}')")
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise ValueError(LACKING) from None
    if not config_file.is_file() or not weights.is_file():
        raise FileNotFoundError(
            f"{folder}: expected {CONFIG} and {WEIGHTS} in the folder of a model"
        )
    config = _read_config(config_file)
    if not isinstance(config.get("components"), list):
        raise ValueError(f"{config_file}: expected 'components' in it")
    said = config.pop("sha256", None)
    if said != _digest(config):
        raise ValueError(
            f"{config_file}: it was changed after it was written: its SHA-256 does not match"
        )
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != config.get("weights_sha256"):
        raise ValueError(
            f"{weights}: expected the weights that belong to {CONFIG}, but their SHA-256 does not "
            "match"
        )
    try:
        state = load_file(weights)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{weights}: expected weights as safetensors ({error})") from error
    return {
        "components": config["components"],
        "state_dict": state,
        "training": None,
        "notes": {},
    }


def _read_config(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > LARGEST_CONFIG:
            raise ValueError("it is too large")
        config = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise ValueError(f"{file}: expected a description of format {FORMAT!r}")
    return config


def _digest(config: Mapping[str, Any]) -> str:
    """The SHA-256 of a description, however its text is laid out."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
