"""A model as a folder that a hub shows: weights as safetensors, how it is made as JSON, a card."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from pyrovae.checkpoint.describe import describe
from pyrovae.component import Component
from pyrovae.files import atomic

__all__ = ["CARD", "CONFIG", "WEIGHTS", "read_folder", "save_folder"]

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
    ``README.md`` is the card that a hub shows. None of them is code.

    Args:
        model: The model.
        folder: The folder; other files in it stay.
        card: A model card in Markdown.
        state: The weights; the model's own if left out.

    Returns:
        The files.

    Raises:
        ValueError: If something in the model cannot be recorded, which is named, or safetensors is
            not installed.
    """
    try:
        from safetensors.torch import save
    except ImportError:
        raise ValueError(LACKING) from None
    config = {"format": FORMAT, "components": describe(model)}
    weights = model.state_dict() if state is None else state
    # A copy each: the format does not hold one tensor under two names.
    plain = {name: value.detach().cpu().clone().contiguous() for name, value in weights.items()}
    target = Path(folder)
    contents = {
        WEIGHTS: save(plain, {"format": "pt"}),
        CONFIG: f"{json.dumps(config, indent=2)}\n".encode(),
        CARD: card.encode(),
    }
    for name, content in contents.items():
        with atomic(target / name) as temporary:
            temporary.write_bytes(content)
    return [target / name for name in contents]


def read_folder(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads what `save_folder` wrote, as `read` gives a checkpoint's content.

    Raises:
        ValueError: If the folder holds no model, or a damaged one, or safetensors is not installed.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise ValueError(LACKING) from None
    config_file, weights = Path(folder) / CONFIG, Path(folder) / WEIGHTS
    if not config_file.is_file() or not weights.is_file():
        raise ValueError(f"{folder}: expected {CONFIG} and {WEIGHTS} in the folder of a model")
    try:
        if config_file.stat().st_size > LARGEST_CONFIG:
            raise ValueError("it is too large")
        config = json.loads(config_file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise ValueError(f"{config_file}: expected a description of format {FORMAT!r}")
    if not isinstance(config.get("components"), list):
        raise ValueError(f"{config_file}: expected 'components' in it")
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
