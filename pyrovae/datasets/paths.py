"""Files and folders of data, found by path."""

from collections.abc import Iterable
from pathlib import Path

__all__ = ["IMAGE_SUFFIXES", "find_data"]

ARRAY_SUFFIXES = (".npy", ".npz")
#: Of the image files that a folder is searched for.
IMAGE_SUFFIXES = (
    *(".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm"),
    *(".ppm", ".tif", ".tiff", ".webp"),
)
TABLE_SUFFIXES = (".dat", ".tsv", ".txt")


def find_data(data: str, names: Iterable[str]) -> Path:
    """Gives the file or folder that ``data`` means where it is no name.

    Args:
        data: A path.
        names: The names that ``data`` could have been, for the message.

    Raises:
        FileNotFoundError: If it looks like a path, and nothing is there.
        ValueError: If it is neither a folder nor one of NumPy's files.
    """
    path = Path(data).expanduser()
    if path.is_dir() or (path.is_file() and path.suffix.lower() in ARRAY_SUFFIXES):
        return path
    looks_like_path = path.suffix in ARRAY_SUFFIXES or len(path.parts) > 1
    if looks_like_path and not path.exists():
        found = "a link that leads nowhere" if path.is_symlink() else "no such file or folder"
        raise FileNotFoundError(f"expected data at {data!r}, found {found}")
    advice = f": {_advice(path)}" if path.is_file() else ""
    raise ValueError(
        f"expected data to be one of {', '.join(names)}, or the path of a .npy file, a .npz file, "
        f"a table (.csv, .parquet), counts of cells (.h5ad) or a folder of images, got {data!r}{advice}"
    )


def _advice(path: Path) -> str:
    """How to make data of a file of another kind."""
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return "an image is read with the others of its folder"
    array = str(path.with_suffix(".npy"))
    if suffix in TABLE_SUFFIXES:
        delimiter = ", delimiter='\\t'" if suffix == ".tsv" else ""
        return (
            f"numpy.save({array!r}, numpy.loadtxt({str(path)!r}{delimiter})) makes an array of "
            "a table"
        )
    return f"numpy.save({array!r}, x) writes an array x of its data"
