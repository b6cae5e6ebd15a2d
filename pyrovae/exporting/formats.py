"""The formats of exported programs: how each is written, and run again to be compared."""

import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.export import ExportedProgram

from pyrovae.exporting.programs import PlainProgram

__all__ = ["FORMATS", "Format", "Run", "check_format"]

Run = Callable[[Sequence[Tensor]], Sequence[Tensor]]


class Format(Protocol):
    """Writes a program to a file, and gives what runs the file."""

    def __call__(self, exported: ExportedProgram, program: PlainProgram, path: Path, /) -> Run:
        """Writes to a path.

        Raises:
            Exception: Whatever the format's own library raises.
        """


def pt2(exported: ExportedProgram, program: PlainProgram, path: Path) -> Run:
    """PyTorch's own: ``torch.export.load(path).module()`` runs it."""
    names = {"inputs": list(program.inputs), "outputs": list(program.outputs)}
    torch.export.save(exported, path, extra_files={"names.json": json.dumps(names)})
    module = torch.export.load(path).module()
    return lambda values: tuple(module(*values))


def onnx(exported: ExportedProgram, program: PlainProgram, path: Path) -> Run:
    """ONNX, for runtimes without PyTorch."""
    import onnxruntime

    with _silenced():
        made = torch.onnx.export(
            exported,
            (),
            input_names=list(program.inputs),
            output_names=list(program.outputs),
            dynamo=True,
            verbose=False,
        )
    assert made is not None
    made.save(os.fspath(path))
    session = onnxruntime.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]

    def run(values: Sequence[Tensor]) -> Sequence[Tensor]:
        given = {n: v.cpu().numpy() for n, v in zip(names, values, strict=True)}
        return [torch.from_numpy(value) for value in session.run(None, given)]

    return run


def check_format(path: Path) -> None:
    """Looks whether a file's name says a format that can be written here.

    Raises:
        ValueError: If it does not, or a package is missing.
    """
    if path.suffix not in FORMATS:
        raise ValueError(f"path: expected a name that ends in .pt2 or .onnx, got {path.name!r}")
    lacking = [name for name in NEEDED.get(path.suffix, ()) if find_spec(name) is None]
    if lacking:
        raise ValueError(
            f"{path.suffix} needs {', '.join(lacking)}: pip install 'pyrovae[export]'"
        )


@contextmanager
def _silenced() -> Iterator[None]:
    """Keeps the exporter's remarks on its own inner workings from who cannot change these."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


#: By the ending of a file's name.
FORMATS: dict[str, Format] = {".pt2": pt2, ".onnx": onnx}
NEEDED = {".onnx": ("onnx", "onnxscript", "onnxruntime")}
