"""A checkpoint's file: written in one move, and read as data only."""

import os
import pickletools
import zipfile
from pathlib import Path
from typing import Any

import torch

from pyrovae.files import atomic
from pyrovae.specifications.plain import check_plain, shown

__all__ = ["FORMAT", "check_notes", "check_weights", "read", "write"]

FORMAT = "pyrovae checkpoint 1"
# What tensors and the containers around them are made with; torch's own reader allows more, some of
# which takes memory without end.
MADE_WITH = {
    "collections Counter",  # the milestones of MultiStepLR
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch Size",
}
BEGINNING = b"PK\x03\x04"  # of an archive
LARGEST_INDEX = 64 * 2**20  # bytes of everything but tensors


def write(path: str | os.PathLike[str], content: dict[str, Any]) -> None:
    """Writes a checkpoint's content in one move."""
    # Given a path, torch would name the archive's parts after it: host and process.
    with atomic(path) as temporary, temporary.open("wb") as file:
        torch.save({"format": FORMAT, **content}, file)


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a checkpoint's content, as data only.

    The file is an archive whose parts each bear a checksum, so that a bit that has flipped is
    seen.

    Returns:
        A dict with ``components``, ``state_dict``, ``training`` and ``notes``, whose values are
        tensors and plain values.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no checkpoint of this library, or damaged.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint")
    _check_archive(Path(path))
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"{path}: expected a pyrovae checkpoint, but it does not read") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path}: expected a file of format {FORMAT!r}")
    content = {"components": None, "training": None, "notes": {}, **content}
    for key, kinds in (
        ("components", list | None),
        ("state_dict", dict),
        ("training", dict | None),
        ("notes", dict),
    ):
        if not isinstance(content.get(key), kinds):
            raise ValueError(f"{path}: expected a checkpoint with {key!r}, but it is missing")
    check_weights(content["state_dict"], f"{path}: state_dict")
    check_notes(content["notes"], f"{path}: notes")
    return content


def check_notes(notes: Any, where: str = "notes") -> None:
    """Looks whether what a checkpoint is to keep with it, or has kept, are plain values by name.

    Raises:
        ValueError: If they are not.
    """
    if not isinstance(notes, dict):
        raise ValueError(f"{where}: expected a dict of plain values, got {shown(notes)}")
    check_plain(notes, where)


def check_weights(state: Any, where: str) -> None:
    """Looks whether something read from a file is a mapping from names to tensors.

    Raises:
        ValueError: If it is not.
    """
    if not isinstance(state, dict):
        raise ValueError(f"{where}: expected weights by name, got {type(state).__name__}")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise ValueError(
                f"{where}: expected tensors by name, got {shown(value)} for {shown(name)}"
            )


def _check_archive(path: Path) -> None:
    """Looks at the archive's parts before torch does: sizes, checksums, what it is made with."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
                raise ValueError(f"{path}: expected entries that are stored without compression")
            if sum(part.file_size for part in parts) > path.stat().st_size:
                raise ValueError(f"{path}: damaged, its entries are larger than the file")
            damaged = archive.testzip()
            if damaged is not None:
                raise ValueError(f"{path}: damaged, the checksum of {damaged!r} does not match")
            for part in parts:
                if part.filename.endswith(".pkl"):
                    _check_index(path, part, archive)
    except (zipfile.BadZipFile, EOFError, RuntimeError, OSError, UnicodeError) as error:
        size = path.stat().st_size
        with path.open("rb") as file:
            is_archive = file.read(len(BEGINNING)) == BEGINNING
        fault = "it is truncated or damaged" if is_archive else "it is a file of another kind"
        fault = fault if size else "it is empty"
        raise ValueError(
            f"{path}: expected a pyrovae checkpoint, but {fault}, {size} bytes ({error})"
        ) from error


def _check_index(path: Path, part: zipfile.ZipInfo, archive: zipfile.ZipFile) -> None:
    """Looks at what the containers of the tensors are made with."""
    if part.file_size > LARGEST_INDEX:
        raise ValueError(
            f"{path}: expected at most {LARGEST_INDEX} bytes in addition to the tensors"
        )
    try:
        for operation, argument, _ in pickletools.genops(archive.read(part)):
            made = operation.name in ("GLOBAL", "INST", "STACK_GLOBAL")
            known = argument in MADE_WITH or str(argument).startswith("torch ")
            if made and not known:
                raise ValueError(f"{path}: it refers to {argument!r}, which no checkpoint needs")
    except (ValueError, IndexError) as error:
        if str(error).startswith(str(path)):
            raise
        raise ValueError(f"{path}: expected a pyrovae checkpoint, but it does not read") from error
