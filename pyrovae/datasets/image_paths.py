"""Which files of a folder are its images, and which classes they are of."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from pyrovae.datasets.paths import IMAGE_SUFFIXES

__all__ = ["ImagePaths", "find_images"]

# Images and archives of them that are not read.
OTHER_SUFFIXES = (
    *(".7z", ".avif", ".bz2", ".dcm", ".dds", ".dng", ".exr", ".gz", ".hdr", ".heic", ".heif"),
    *(".ico", ".jp2", ".jxl", ".nii", ".npy", ".npz", ".pcx", ".psd", ".raw", ".svg", ".tar"),
    *(".tga", ".zip"),
)


class ImagePaths(NamedTuple):
    """The images of a folder.

    Attributes:
        files: In the order of their classes and names.
        labels: The classes, integers ``(N,)``, or None.
        classes: Their names, or None.
    """

    files: list[Path]
    labels: Tensor | None
    classes: tuple[str, ...] | None


def find_images(path: Path) -> ImagePaths:
    """Lists the image files of a folder, with classes where sub-folders hold them.

    Hidden files and folders are passed over, and files that are no images (texts, tables). Of
    images of kinds that are not read, one is named in a warning.

    Raises:
        ValueError: If there are no images, some beside sub-folders of images, a link leads
            nowhere or to a folder that holds it, or a folder cannot be read.
    """
    others: list[Path] = []
    with _readable(path):
        entries = sorted(e for e in path.iterdir() if not e.name.startswith("."))
        folders = [entry for entry in entries if _is_folder(entry)]
        loose = _images([entry for entry in entries if entry not in folders], others)
        members = {f.name: _images(_below(f), others) for f in folders}
    members = {name: found for name, found in members.items() if found}
    if loose and members:
        raise ValueError(
            f"{path}: expected images or sub-folders of images, got {loose[0].name} beside "
            f"the sub-folder {next(iter(members))}"
        )
    if not loose and not members:
        found = f", found none, but {others[0].name}" if others else ", found none"
        raise ValueError(f"{path}: expected images ({', '.join(IMAGE_SUFFIXES)}){found}")
    if others:
        warnings.warn(
            f"{path}: {len(others)} file(s) have types that are not read, such as {others[0].name}",
            stacklevel=4,
        )
    if loose:
        return ImagePaths(loose, None, None)
    labels = [label for label, found in enumerate(members.values()) for _ in found]
    files = [file for found in members.values() for file in found]
    return ImagePaths(files, torch.tensor(labels), tuple(members))


def _below(folder: Path) -> list[Path]:
    """All files below a folder, at any depth; hidden ones are left out."""
    files: list[Path] = []
    with _readable(folder):
        entries = sorted(e for e in folder.iterdir() if not e.name.startswith("."))
    for entry in entries:
        files += _below(entry) if _is_folder(entry) else [entry]
    return files


def _is_folder(path: Path) -> bool:
    if not path.is_dir():
        return False
    if path.is_symlink() and path.parent.resolve().is_relative_to(path.resolve()):
        raise ValueError(f"{path}: expected a folder, got a link to one that holds it")
    return True


def _images(files: list[Path], others: list[Path]) -> list[Path]:
    """Those of some files that are images; kinds that are not read are added to the others."""
    found = []
    for file in files:
        suffix = file.suffix.lower()
        if suffix in OTHER_SUFFIXES:
            others.append(file)
        elif suffix in IMAGE_SUFFIXES:
            if not file.is_file():
                kind = "a link that leads nowhere" if file.is_symlink() else "something else"
                raise ValueError(f"{file}: expected an image, got {kind}")
            found.append(file)
    return sorted(found)


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ValueError(f"{error.filename or folder}: {error.strerror or error}") from error
