"""Writing a model's programs, each compared with the model before it is written."""

import copy
import inspect
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from pyrovae.checks import check_path
from pyrovae.datasets.values import to_dtype
from pyrovae.exporting.formats import FORMATS, Run, check_format
from pyrovae.exporting.programs import MAKERS, PROGRAMS, PlainProgram, quiet
from pyrovae.exporting.trace import traced
from pyrovae.files import atomic, check_writable
from pyrovae.handlers import binds
from pyrovae.programs import Program, check_program, dtype_of

__all__ = ["Exported", "export"]

SIZES = (1, 2, 7)
TRACED_WITH = (
    3  # rows: neither of the sizes that are compared, nor one that a program could take for 1
)
#: What single precision rounds to, after as many operations as a network has, in units of a value.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Exported:
    """What `export` wrote.

    Attributes:
        files: The file of each program.
        inputs: The names of each program's inputs, in their order.
        outputs: The names of its outputs.
        left_out: Why a program was not written, for each that was not.
    """

    files: dict[str, Path] = field(default_factory=dict)
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    outputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def export(
    model: Program,
    path: str | os.PathLike[str],
    *,
    example: Sequence[Tensor] | Tensor | None = None,
    only: Collection[str] | None = None,
) -> Exported:
    r"""Writes a model's encoder, decoder and sampler as programs that need neither Pyro nor pyrovae.

    * The encoder gives mean and standard deviation of :math:`q(z \mid x)`, named ``z_mean`` and
      ``z_std``; of several latents each given the means of those before it, and the mean alone
      where the other is not known in closed form.
    * The decoder gives :math:`E[x \mid z]`; it takes the latents in the order of the model.
    * The sampler gives :math:`E[x \mid z]` at :math:`z \sim p(z)`, as a function of ``noise``,
      standard normal numbers ``(n, K)``, so that whoever runs it has the random numbers in hand.

    Each stands in a file of its own, ``model.encoder.pt2`` for ``model.pt2``, and takes batches of
    any size. What the guide or the model takes beside data and latents (labels, a mask) follows
    them. A program is run again from the file, and compared with the model on random inputs of
    several sizes; only then is it put in place.

    Args:
        model: The model.
        path: A name that ends in .pt2 (read by ``torch.export.load``) or .onnx (any runtime of
            ONNX; needs ``pip install 'pyrovae[export]'``).
        example: Some data as the guide takes them, a tensor or a tuple of tensors; random numbers in
            [0, 1] if left out, which do for a model that takes ``x`` alone and says its shape.
        only: Which programs, of "encoder", "decoder" and "sampler". All that can be exported, if left
            out.

    Returns:
        What was written, and what was left out and why.

    Raises:
        OSError: If a file cannot be written.
        ValueError: If an argument does not fit, no program can be exported, or not one that
            ``only`` names. It is said why.
    """
    check_program(model)
    check_path("path", path)
    target = Path(path)
    check_format(target)
    unknown = sorted(set(only or ()) - PROGRAMS.keys())
    if unknown:
        raise ValueError(f"only: expected some of {', '.join(PROGRAMS)}, got {unknown[0]!r}")
    batch = _example(model, example)
    files = {
        name: target.with_suffix(f".{name}{target.suffix}")
        for name in PROGRAMS
        if only is None or name in only
    }
    for file in files.values():
        check_writable(file)
    found = Exported()
    model = copy.deepcopy(model).cpu() if isinstance(model, torch.nn.Module) else model
    names = list(inspect.signature(model.guide).parameters)[: len(batch)]
    with quiet(model):
        for name, file in files.items():
            try:
                program = MAKERS[name](model, batch, names)
                _write(program, file, target.suffix)
            except (OSError, MemoryError):
                raise
            except Exception as error:  # whatever a program does that a graph cannot hold
                reason = _reason(error)
                if only is not None:
                    raise ValueError(f"the {name} cannot be exported: {reason}") from error
                found.left_out[name] = reason
            else:
                found.files[name] = file
                found.inputs[name], found.outputs[name] = program.inputs, program.outputs
    if not found.files:
        told = "; ".join(f"{name}: {reason}" for name, reason in found.left_out.items())
        raise ValueError(f"nothing of this model can be exported: {told}")
    return found


def _write(program: PlainProgram, file: Path, suffix: str) -> None:
    exported = traced(program)
    with atomic(file) as temporary:
        try:
            run = FORMATS[suffix](exported, program, temporary)
        except OSError:
            raise
        except Exception as error:
            raise NotImplementedError(f"{suffix} cannot hold it: {_reason(error)}") from error
        _compare(program, run)


def _compare(program: PlainProgram, run: Run) -> None:
    """Raises where a file gives something else than the model."""
    for values in _inputs(program):
        expected, given = _expected(program, values), run(values)
        for name, right, found in zip(program.outputs, expected, given, strict=True):
            if found.shape != right.shape:
                raise NotImplementedError(
                    f"it gives {name!r} of shape {tuple(found.shape)}, the model {tuple(right.shape)}"
                )
            scale = float(right.abs().max().clamp(min=1)) if right.numel() else 1.0
            error = float((found.to(right) - right).abs().max()) if right.numel() else 0.0
            if not error <= TOLERANCE * scale:
                raise NotImplementedError(f"its {name!r} differs from the model's by {error:.3g}")


def _expected(program: PlainProgram, values: Sequence[Tensor]) -> Sequence[Tensor]:
    """What the model gives; the noise that a run takes is that of one datum."""
    if program.name != "sampler":
        return program.run(*values)
    each = [program.run(*one) for one in zip(*(v.split(1) for v in values), strict=True)]
    return [torch.cat(parts) for parts in zip(*each, strict=True)]


def _inputs(program: PlainProgram) -> Iterator[tuple[Tensor, ...]]:
    """Random inputs of several sizes: noise, and rows of the examples moved a little."""
    for n in SIZES:
        values = []
        for name, example in zip(program.inputs, program.examples, strict=True):
            rows = example[torch.randint(len(example), (n,))]
            if name == "noise":
                rows = torch.randn_like(rows)
            elif rows.is_floating_point():
                rows = rows + 0.01 * torch.randn_like(rows)
            values.append(rows)
        yield tuple(values)


def _example(model: Program, example: Sequence[Tensor] | Tensor | None) -> tuple[Tensor, ...]:
    if example is None:
        shape = getattr(model, "data_shape", None)
        if shape is None or not binds(model.guide, (torch.empty(0),)):
            raise ValueError(
                "example: expected some data in the form that the guide takes, because the model "
                "does not declare their shape or takes more than one tensor"
            )
        example = torch.rand(TRACED_WITH, *shape, generator=torch.Generator().manual_seed(0))
    batch = (example,) if isinstance(example, Tensor) else tuple(example)
    if not batch or not all(isinstance(v, Tensor) and v.dim() and len(v) for v in batch):
        raise ValueError("example: expected a tensor (n, ...), or several of them")
    if not binds(model.guide, batch):
        raise ValueError(f"example: expected what the guide takes, got {len(batch)} tensors")
    rows = torch.arange(TRACED_WITH)
    return tuple(value.cpu()[rows % len(value)] for value in to_dtype(batch, dtype_of(model)))


def _reason(error: BaseException) -> str:
    said = str(error).partition("Trace Shapes:")[0]
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
