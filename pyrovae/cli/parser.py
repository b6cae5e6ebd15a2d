"""The arguments of each command, from the signatures and docstrings of what they call."""

import re
from argparse import Action
from collections.abc import Sequence
from functools import cache
from inspect import isabstract, isclass, signature
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import yaml
from jsonargparse import ArgumentParser, DefaultHelpFormatter, Namespace

import pyrovae.likelihoods
import pyrovae.models
import pyrovae.nn
import pyrovae.objectives
import pyrovae.posteriors
import pyrovae.priors
import pyrovae.schedules
from pyrovae import __version__
from pyrovae.build import parts_of
from pyrovae.component import import_class
from pyrovae.datasets import load_data
from pyrovae.training import fit

__all__ = ["command_parser", "config_text", "one_line", "parse_train", "train_parser"]

COMMANDS = {
    "train": "Train a VAE and leave a run folder with checkpoint, history, report and figures.",
    "resume": "Go on with a run that was interrupted, or train it for more epochs.",
    "evaluate": "Report on a run's model: bounds, log-likelihood with its errors, latents.",
    "sample": "Generate data from a run's model, its own prior first.",
    "reconstruct": "Encode and decode data with a run's model.",
    "plot": "Draw a run's figures again.",
    "compare": "Put several runs side by side in a table.",
}

# What only the data or another part can know: build() fills it in.
WIRED = {"latent_features", "data_shape", "posterior", "pseudo_inputs", "exemplars", "network"}
# What is a flag on a command line, with no value to give.
SWITCHES = {
    "download": "Download the files of the named data if they are not in root.",
    "pooled": "Train on all data, published test images included, and keep none aside. Only to "
    "repeat tutorials that do so: no honest number can be reported then.",
}
# What training takes and no user of a command line gives.
UNASKED: set[str | int] = {
    "model",
    "data",
    "device",
    "progress",
    "on_epoch",
    "callbacks",
    "average",
    "notes",
    "checkpoint",
    "resume",
}
# What of that is a part of the model.
PARTS = {"prior", "posterior", "likelihood", "encoder", "network"}
# The classes a model is put together from: their package, their base, what they are.
COMPONENTS: dict[str, tuple[ModuleType, str, str]] = {
    "model": (pyrovae.models, "LatentVariableModel", "The model"),
    "prior": (pyrovae.priors, "Prior", "The prior p(z)"),
    "posterior": (pyrovae.posteriors, "Posterior", "The posterior q(z|x)"),
    "likelihood": (pyrovae.likelihoods, "Likelihood", "The likelihood p(x|z)"),
    "encoder": (pyrovae.nn, "Network", "The network from data to the posterior's parameters"),
    "decoder": (pyrovae.nn, "Network", "The likelihood's network, from latents to parameters"),
}
# What stands for an option that names a class, where neither the command line nor a configuration
# names one. Given to the parser as arguments and not as defaults: a default's own arguments would
# be handed on to another class that is chosen instead of it.
CHOSEN = {
    "model": ["VAE"],
    "prior": ["NormalPrior"],
    "posterior": ["NormalPosterior"],
    "likelihood": ["BernoulliLikelihood"],
    "encoder": ["MLP", "--encoder.hidden", "[400]"],
    "decoder": ["MLP", "--decoder.hidden", "[400]"],
    "objective": ["ELBO"],
    "optimizer": ["Adam", "--optimizer.lr", "1e-3", "--optimizer.fused", "true"],
}
MODULES = {key: module for key, (module, _, _) in COMPONENTS.items()} | {
    "objective": pyrovae.objectives,
    "beta": pyrovae.schedules,
    "optimizer": torch.optim,
    "scheduler": torch.optim.lr_scheduler,
}
# Bases that do not say of themselves that they are abstract.
ABSTRACT = {
    "Optimizer",
    "LRScheduler",
    "Annealed",
    "Undefined",
    "LogWeights",
    "SparseAdam",
}
WORDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}


class _Formatter(DefaultHelpFormatter):
    """Says what a newcomer needs: the choices by their short names, no type expressions."""

    def _expand_help(self, action: Action) -> str:
        text = super()._expand_help(action)
        found = re.search(r"known subclasses: ([^)]*)\)", text)
        if found:
            text = text.replace(f", {found.group(0)}", ")")
            if action.dest in CHOSEN:
                text += f" Usually {' '.join(CHOSEN[action.dest])}."
            if choices := _choices(action.dest):
                text += f" One of {', '.join(choices)}, or a class by its import path."
        return re.sub(r"\(type: .*?, default: (.*)\)", _default, text, flags=re.DOTALL)


def _default(found: re.Match[str]) -> str:
    return "" if found.group(1) == "null" else f"(default: {found.group(1)})"


def _parser(command: str) -> ArgumentParser:
    return ArgumentParser(
        prog=f"pyrovae {command}",
        description=COMMANDS[command],
        formatter_class=_Formatter,
        exit_on_error=False,
    )


@cache
def train_parser() -> ArgumentParser:
    """The arguments of ``pyrovae train``."""
    parser = _parser("train")
    parser.add_argument("--config", action="config", help="A file with these options (YAML).")
    run = parser.add_argument_group("Run")
    run.add_argument(
        "--out", type=str | None, default=None, help="Run folder. If left out: a new one in runs/."
    )
    run.add_argument(
        "--overwrite",
        action="store_true",
        help="Whether a run that is in the folder already may be replaced.",
    )
    run.add_argument(
        "--samples",
        type=int,
        default=100,
        help="Draws S for each datum in the report's log-likelihood.",
    )
    run.add_argument("--quiet", action="store_true", help="No progress bar and no report shown.")
    data = parser.add_argument_group("Data")
    data.add_function_arguments(load_data, as_group=False, skip={*SWITCHES})
    for name, text in SWITCHES.items():
        data.add_argument(f"--{name}", action="store_true", help=text)
    model = parser.add_argument_group("Model")
    model.add_argument("--latent_features", type=int, default=20, help="Number of latents.")
    for key, (module, base, title) in COMPONENTS.items():
        model.add_subclass_arguments(
            getattr(module, base),
            key,
            as_group=False,
            skip=WIRED | {"in_shape", "out_shape"} | (PARTS if key == "model" else set()),
            instantiate=False,
            required=False,
            metavar="CLASS",
            help=f"{title}, a class name; its own arguments as --{key}.NAME.",
        )
    training = parser.add_argument_group("Training")
    training.add_function_arguments(fit, as_group=False, skip=UNASKED)
    training.add_argument(
        "--device",
        type=str,
        default="auto",
        help="auto (CUDA where there is one, else the CPU), cpu, cuda or mps.",
    )
    return parser


def parse_train(arguments: Sequence[str]) -> Namespace:
    """Reads the options of ``pyrovae train``, with the usual classes where none is named.

    Raises:
        ArgumentError: If they do not fit.
        ValueError: If a part is given to a model that has none of its kind.
    """
    named = {argument.split("=")[0].removeprefix("--") for argument in arguments}
    model: Any = None
    for i, argument in enumerate(arguments):
        if argument == "--config" or argument.startswith("--config="):
            file = Path(arguments[i + 1] if argument == "--config" else argument.split("=", 1)[1])
            if file.is_file():
                options = {key: v for key, v in _mapping(file).items() if v is not None}
                named |= set(options)
                model = options.get("model", model)
    arguments = _own_names(arguments)
    for i, argument in enumerate(arguments):
        if argument.startswith("--model="):
            model = argument.split("=", 1)[1]
        elif argument == "--model":
            model = arguments[i + 1] if i + 1 < len(arguments) else None
    left_out = _left_out(model)
    for key in sorted(left_out & {name.split(".")[0] for name in named}):
        raise ValueError(f"{key}: the model has none, so give it no {key}")
    usual = [
        word
        for key, words in CHOSEN.items()
        if key not in named | left_out
        for word in (f"--{key}", *words)
    ]
    return train_parser().parse_args([*usual, *arguments])


def _left_out(model: Any) -> set[str]:
    """The parts that a model, named as an option names it, is not made from."""
    class_path = model.get("class_path") if isinstance(model, dict) else model
    try:
        import_class(str(class_path))
    except ValueError:  # the parser has more to say of it
        return set()
    allow = [str(class_path).split(".")[0]]
    return set(COMPONENTS) - {"model"} - parts_of({"class_path": class_path}, allow=allow)


def _own_names(arguments: Sequence[str]) -> list[str]:
    """Spells out the library's classes: Pyro has some of the same short name."""
    spelled = list(arguments)
    for i, argument in enumerate(spelled):
        option, sign, value = argument.partition("=")
        key = (option if sign else spelled[i - 1] if i else "").removeprefix("--")
        name = value if sign else argument
        module = _module_of(key)
        if module is not None and name in _choices(key):
            path = f"{module.__name__}.{name}"
            spelled[i] = f"{option}={path}" if sign else path
    return spelled


def _mapping(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError):
        content = None
    if not isinstance(content, dict):
        raise ValueError(f"config: expected a YAML file of options, which {file} is not")
    return content


def command_parser(command: str) -> ArgumentParser:
    """The arguments of a command that works on runs."""
    parser = _parser(command)
    if command == "compare":
        parser.add_argument("runs", type=str, nargs="+", help="Run folders.")
        parser.add_argument("--csv", type=str | None, default=None, help="Write the table here.")
        return parser
    parser.add_argument("run", type=str, help="The run folder.")
    parser.add_argument(
        "--allow",
        type=str,
        default=[],
        action="append",
        help="A package whose classes the run's files may name; give it again for another.",
    )
    if command == "resume":
        parser.add_argument(
            "--epochs", type=int | None, default=None, help="Epochs in all, if not as before."
        )
        parser.add_argument("--quiet", action="store_true", help="No progress bar, no report.")
    if command in ("resume", "evaluate", "reconstruct", "plot"):
        for name, what in (("data", "file or folder of the data"), ("root", "root of the data")):
            parser.add_argument(
                f"--{name}", type=str | None, default=None, help=f"The {what}, if it has moved."
            )
    if command in ("evaluate", "sample", "reconstruct", "plot"):
        parser.add_argument("--device", type=str, default="auto", help="auto, cpu, cuda or mps.")
    if command == "plot":
        parser.add_argument(
            "--only",
            type=str,
            default=[],
            action="append",
            help="A figure's name; give it again for another. All if left out.",
        )
    if command == "evaluate":
        parser.add_argument("--samples", type=int, default=1000, help="Draws S for each datum.")
        parser.add_argument("--split", type=str, default="test", help="train, validation or test.")
        parser.add_argument("--seed", type=int, default=0, help="Seed of the draws.")
    if command in ("sample", "reconstruct"):
        parser.add_argument(
            "--n", type=int, default=64 if command == "sample" else 10, help="Number of data."
        )
        parser.add_argument("--draw", action="store_true", help="Draw pixels; else their means.")
        parser.add_argument(
            "--out",
            type=str | None,
            default=None,
            help="A .png figure or a .npy array. If left out: a figure in the run folder.",
        )
    if command == "sample":
        parser.add_argument("--seed", type=int, default=0, help="Seed of the draws.")
    return parser


def config_text(config: Namespace) -> str:
    """The resolved configuration of ``pyrovae train``, as ``--config`` reads it."""
    # Where a run went is not how it was made: repeating it must not write over it.
    copy = config.clone()
    copy.out, copy.overwrite = None, False
    return train_parser().dump(copy, skip_unset=False)


def one_line(error: BaseException) -> str:
    """What is wrong, in one line; an unknown class is answered with the choices."""
    text = re.split(r"\s*Trace Shapes:", str(error))[0]
    keys = re.findall(r'Parser key "([\w.]+)"', text)
    unknown = re.search(r"(?:dot import path string:|Import path) (\S+)", text)
    if keys and unknown and (choices := _choices(keys[0])):
        return (
            f"{keys[0]}: expected one of {', '.join(choices)} or a class by its import path, "
            f"got {unknown.group(1)!r}"
        )
    needed = re.search(r"'([\w.]+)':\s+the following arguments are required: ([\w, ]+)", text)
    if keys and needed:
        name = needed.group(1).rpartition(".")[2]
        return f"{keys[0]}: {name} expects a value for {needed.group(2).strip()}"
    if missing := re.search(r"given class_path '(.*?)':\s+No module named", text):
        return f"{keys[0]}: there is no class {missing.group(1)} to import"
    given = re.search(r"(?:Got|Given) value: (.*)", text)
    if keys and given and given.group(1) in _choices(keys[-1]):
        return f"{keys[-1]}: several classes are called {given.group(1)}, give its import path"
    wanted = re.search(r"Expected (?:a |an )?(?:<class '(\w+)'>|typing\.Literal\[(.*?)\])", text)
    if keys and given and wanted:
        kind = wanted.group(1) or f"one of {wanted.group(2)}"
        return f"{'.'.join(keys)}: expected {WORDS.get(kind, kind)}, got {given.group(1)!r}"
    text = re.sub(r'Parser key "([\w.]+)":', r"\1:", text)
    return re.sub(r"\s+", " ", text.replace("\n  - ", " ")).strip()


def _module_of(key: str) -> ModuleType | None:
    """The package whose classes an option names; an objective may be within another."""
    return pyrovae.objectives if key.endswith(".elbo") else MODULES.get(key)


def _choices(key: str) -> list[str]:
    """The short names of the classes that an option may name, as far as there is a list."""
    module = _module_of(key)
    if module is None:
        return []
    classes = {name: getattr(module, name) for name in module.__all__}
    return [
        name
        for name, value in sorted(classes.items())
        if isclass(value)
        and not isabstract(value)
        and name not in ABSTRACT
        and (key != "model" or _can_be_built(value))
    ]


def _can_be_built(cls: type) -> bool:
    """Whether a model needs no part that the command line has no option for."""
    parameters = signature(cls).parameters
    known = PARTS | {k for k, p in parameters.items() if p.annotation in (int, float, str, bool)}
    needed = {k for k, p in parameters.items() if p.default is p.empty}
    return "likelihood" in needed <= known


def version() -> str:
    """The version, as ``pyrovae --version`` prints it."""
    return f"pyrovae {__version__}"
