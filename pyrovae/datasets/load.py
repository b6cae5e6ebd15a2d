"""Data by name or by path."""

import os
from pathlib import Path
from typing import Any

from pyrovae.checks import check_seed
from pyrovae.datasets.arrays import read_arrays
from pyrovae.datasets.binarization import Binarization, check_protocol
from pyrovae.datasets.celeba import celeba
from pyrovae.datasets.cells import Cells, divide_rows, is_cells, load_cells
from pyrovae.datasets.data import Data
from pyrovae.datasets.embedded import EMBEDDED
from pyrovae.datasets.folder import read_folder
from pyrovae.datasets.memory import MEMORY_LIMIT, readable
from pyrovae.datasets.partition import Amount
from pyrovae.datasets.paths import find_data
from pyrovae.datasets.sparse.rows import SparseMatrix, is_sparse, sparse_rows
from pyrovae.datasets.tables.frames import Frame, is_frame, is_table
from pyrovae.datasets.tables.read import AskedColumns, read_table
from pyrovae.datasets.vision import PUBLISHED, published

__all__ = ["load_data"]

NAMES = (*EMBEDDED, *PUBLISHED, "celeba")


def load_data(
    data: str | Frame | SparseMatrix | Cells = "digits",
    *,
    root: str = "data",
    download: bool = False,
    binarization: Binarization = "none",
    validation: Amount | None = None,
    test: Amount | None = None,
    pooled: bool = False,
    image_size: int | None = None,
    data_seed: int = 0,
    num_workers: int = 0,
    columns: AskedColumns | None = None,
    signals: bool = False,
) -> Data:
    """Loads data by name or from a file or folder, divided for training, validation and test.

    Args:
        data: Which data. A name: digits (1797 small images that need no download), sprites (6144
            images of known factors, made here), mnist, fashion-mnist, kmnist, cifar10 or celeba.
            Or a path: a NumPy file (.npy, or .npz with the data as "x" and labels, if any, as
            "y") of shape (N, features), (N, height, width), (N, channels, height, width) or
            (N, height, width, channels); a folder of images, where sub-folders, if any, are
            classes; a table, a .csv or .parquet file; or counts of cells, a .h5ad file of
            AnnData. Or a data frame of pandas, an AnnData or a sparse matrix, of which one batch
            at a time is dense. 8-bit values are divided by 255,
            other numbers are left as they are: counts pass as any type but 8-bit integers.
            Files and folders of more than 1 GiB as 32-bit floats are read from the disk while
            the model trains (a .npy file is memory-mapped; an archive is not).
        root: The folder that holds the files of mnist, fashion-mnist, kmnist, cifar10 and celeba,
            laid out as torchvision does, or that gets them with download.
        download: Downloads the files of the named data if they are not in root.
        binarization: How grey levels become zeros and ones. none: they stay grey. threshold:
            above one half is one. static: drawn once, with data_seed, each pixel being one with
            its grey level as probability. dynamic: drawn so anew each time an image is used.
        validation: How much of the data is kept aside to choose settings by: a whole number of
            data (5000) or a fraction (0.1); 0 is none. If left out: 5000 of the training images
            of mnist, fashion-mnist, kmnist and cifar10, one tenth of digits, sprites, files and
            folders. celeba has its own.
        test: How much of the data is kept aside to report on, as for validation. If left out: one
            tenth. Not for mnist, fashion-mnist, kmnist, cifar10 and celeba, whose published test
            images are used.
        pooled: Trains on all data, published test images included, and keeps none aside. Only
            to repeat tutorials that do so: no honest number can be reported then.
        image_size: Height and width in pixels to which images of celeba (64 if left out) and of
            a folder are resized, keeping their centred square. Without it, images of a folder
            must all have the same size.
        data_seed: The seed of the random division into training, validation and test data, and
            of static binarization.
        num_workers: How many processes read images in the background while the model trains:
            for celeba and folders too large for memory (1 GiB); 0 reads them in between.
        columns: What the columns of a table hold, of those that are not to be guessed:
            ``"age=count,income=positive,size=small<medium<large,notes=ignore"``, or a mapping.
            The kinds are real, positive, count, binary, categorical and ordinal; ignore leaves a
            column out. Or the columns of a model, for data that it is to read.
        signals: Reads an array of three axes as (N, channels, length), signals, where it would be
            images of one channel.

    Returns:
        The splits, with names of classes or attributes, and what is known of columns, where the
        data have them.

    Raises:
        FileNotFoundError: If the files of named data, or a path, are not there.
        ValueError: If the name is unknown, an option does not go with the data, nothing is left
            to train on, or a file holds something else than data.
    """
    check_protocol(binarization)
    check_seed("data_seed", data_seed)
    tabular = is_frame(data) or (isinstance(data, str | os.PathLike) and is_table(data))
    in_memory = tabular or is_sparse(data) or is_cells(data)
    if not (in_memory or isinstance(data, str | os.PathLike)):
        raise ValueError(
            f"expected data to be a name, a path or a data frame, got {data!r:.60}; for values in "
            "memory, use split_tensors or Data"
        )
    if pooled and (validation or test):
        raise ValueError(
            f"pooled trains on all data: expected no validation and no test, "
            f"got validation={validation} and test={test}"
        )
    _check_image_size(image_size)
    default = 0 if pooled else 0.1
    sizes: dict[str, Amount] = {
        "validation": default if validation is None else validation,
        "test": default if test is None else test,
    }
    if is_sparse(data) or is_cells(data):
        _check_table(binarization=binarization, image_size=image_size)
        return _rows(data, **sizes, seed=data_seed)
    if tabular:
        _check_table(binarization=binarization, image_size=image_size)
        return read_table(data, columns=columns, **sizes, seed=data_seed)
    if signals and not str(data).endswith((".npy", ".npz")):
        raise ValueError(f"signals are read from a .npy or .npz file, got {data!r:.60}")
    if columns is not None:
        raise ValueError(f"columns are only for tables, got columns={columns!r:.60} for {data!r}")
    data = str(data)
    path = None if data in NAMES else find_data(data, NAMES)
    if image_size is not None and data != "celeba" and not (path is not None and path.is_dir()):
        raise ValueError(
            f"image_size is for celeba and folders of images, got image_size={image_size} "
            f"for {data!r}"
        )
    if data == "celeba" or data in PUBLISHED:
        _check_published(data, validation=validation, test=test, pooled=pooled)
        root = str(Path(root).expanduser())
    if data == "celeba":
        return celeba(
            root=root,
            download=download,
            binarization=binarization,
            pooled=pooled,
            image_size=64 if image_size is None else image_size,
            num_workers=num_workers,
        )
    if data in PUBLISHED:
        kept: Amount = 5000 if validation is None else validation
        return published(
            data,
            root=root,
            download=download,
            binarization=binarization,
            validation=0 if pooled else kept,
            pooled=pooled,
            seed=data_seed,
        )
    if path is None:
        return EMBEDDED[data](binarization=binarization, **sizes, seed=data_seed)
    if not path.is_dir():
        return read_arrays(
            path, binarization=binarization, **sizes, seed=data_seed, signals=signals
        )
    return read_folder(
        path,
        binarization=binarization,
        **sizes,
        image_size=image_size,
        seed=data_seed,
        num_workers=num_workers,
    )


def _rows(data: Any, *, validation: Amount, test: Amount, seed: int) -> Data:
    """Rows of which one batch at a time is dense."""
    if is_cells(data):
        return load_cells(data, validation=validation, test=test, data_seed=seed)
    rows = sparse_rows(data)
    return divide_rows(rows, validation=validation, test=test, seed=seed, name="data")


def _check_image_size(image_size: int | None) -> None:
    if image_size is not None and image_size < 1:
        raise ValueError(f"expected image_size to be positive, got {image_size}")
    if image_size is not None and 12 * image_size**2 > MEMORY_LIMIT:
        size = readable(12 * image_size**2)
        raise ValueError(f"image_size={image_size}: one image would take {size}")


def _check_table(**options: object) -> None:
    """Looks whether options that are of images alone were left as they are."""
    usual = {"binarization": "none", "image_size": None}
    for name, value in options.items():
        if value != usual[name]:
            raise ValueError(
                f"{name} is for images, but the data are a table: got {name}={value!r}"
            )


def _check_published(
    data: str, *, validation: Amount | None, test: Amount | None, pooled: bool
) -> None:
    """Refuses sizes of splits that are published."""
    if test is not None and not pooled:
        raise ValueError(f"{data} has a published test set, which is used: got test={test}")
    if data == "celeba" and validation is not None and not pooled:
        raise ValueError(
            f"celeba has a published validation set, which is used: got validation={validation}"
        )
