"""pyrovae: `fit` eager, compiled and in bf16, its compiled step alone, and `evaluate`."""

import warnings
from collections.abc import Callable, Iterator
from inspect import signature
from typing import Any

import pyro
import torch
from torch import Tensor

import pyrovae.training
from benchmarks.speed.cases import Case
from benchmarks.speed.contenders.by_hand import batches, waiting
from benchmarks.speed.data import Task
from benchmarks.speed.turns import Turns, Unsupported, Weights
from pyrovae import VAE, evaluate, fit
from pyrovae.datasets import TensorSplit
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP, ConvDecoder, ConvEncoder, Network, ResidualDecoder, ResidualEncoder
from pyrovae.objectives import ELBO, ImportanceWeightedELBO, Objective
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior
from pyrovae.training import Callback
from pyrovae.training.state import TrainingState

__all__ = ["run"]


class Parts(TensorSplit):
    """A split that stops within a shuffled pass over the data and goes on there at the next call.

    In order the data are read whole, as those are that `fit` looks at before it trains.

    Args:
        x: The images.
        binarization: As for a `TensorSplit`.
        size: Images between two stops.
    """

    def __init__(self, x: Tensor, binarization: Any, size: int) -> None:
        super().__init__(x, binarization=binarization)
        self.size = size
        self.left: Iterator[tuple[Tensor, ...]] = iter(())

    def batches(
        self, batch_size: int, *, shuffle: bool = False, device: Any = "cpu"
    ) -> Iterator[tuple[Tensor, ...]]:
        """The next part of the pass, or all data in their order."""
        if not shuffle:
            yield from super().batches(batch_size, device=device)
            return
        seen = 0
        while seen < self.size:
            batch = next(self.left, None)
            if batch is None:
                self.left = super().batches(batch_size, shuffle=True, device=device)
                continue
            seen += len(batch[0])
            yield batch


class AtEpochs(Callback):
    """Waits for the next turn where an epoch ends; a step that is not captured has no turn.

    Args:
        turn: Ends the turn.
    """

    def __init__(self, turn: Callable[[], None]) -> None:
        self.turn = turn

    def on_epoch(self, training: TrainingState, row: dict[str, Any]) -> None:
        """Ends the turn.

        Raises:
            RuntimeError: If a step that was to be captured is not: its time would pass for one's.
        """
        said = training.history.compiled or ""
        if "not captured" in said or "one step at a time" in said:
            raise RuntimeError(said)
        self.turn()


def run(task: Task, turn: Turns, variant: str) -> None:
    """Trains, or evaluates, one epoch a turn."""
    insist_on_compiling()
    case = task.case
    images = torch.from_numpy(task.images())
    shaped = images.view(-1, *case.shape)
    if case.samples:
        options = wanted(evaluate, compile=variant == "compiled")
        turn()
        vae = build(task).to(task.device)
        while True:
            report = evaluate(vae, shaped, samples=case.samples, **options)
            turn(result=report.log_likelihood.value)
    if variant == "step":
        steps(task, turn, shaped)
    options = wanted(fit, compile=variant != "eager")
    if variant == "bf16":
        options |= wanted(fit, precision="bf16")
    drawn = "dynamic" if case.binarization == "dynamic" else "none"
    size = case.steps * case.batch
    split = (
        Parts(shaped, drawn, size)
        if size < len(shaped)
        else TensorSplit(shaped, binarization=drawn)
    )
    turn()
    vae = build(task)
    fit(
        vae,
        split,
        objective=objective(case),
        epochs=10**9,
        batch_size=case.batch,
        progress=False,
        device=task.device,
        callbacks=[AtEpochs(lambda: turn(lambda: weights(vae), wait=waiting(task)))],
        **options,
    )


def insist_on_compiling() -> None:
    """Ends the process where a step continues uncompiled: its time would pass for a compiled one's."""
    warnings.filterwarnings("error", ".*continues uncompiled", UserWarning)


def wanted(function: Callable[..., Any], **options: Any) -> dict[str, Any]:
    """The options that a function takes; one that it lacks is no loss while it is false.

    Raises:
        Unsupported: If it lacks one that matters.
    """
    taken = signature(function).parameters
    for name, value in options.items():
        if name not in taken and value:
            raise Unsupported(f"{function.__name__} has no {name}=")
    return {name: value for name, value in options.items() if name in taken}


def steps(task: Task, turn: Turns, images: Tensor) -> None:
    """The compiled step in a loop of one's own."""
    compiled_svi = getattr(pyrovae.training, "CompiledSVI", None)
    if compiled_svi is None:
        raise Unsupported("pyrovae.training has no CompiledSVI")
    turn()
    pyro.set_rng_seed(0)
    vae = build(task).to(task.device)
    svi = compiled_svi(
        vae.model,
        vae.guide,
        lambda parameters: torch.optim.Adam(parameters, lr=1e-3, fused=True),
        loss=objective(task.case),
    )
    for epoch in batches(task.case, images.to(task.device)):
        for x in epoch:
            svi.step(x)
        turn(lambda: weights(vae), wait=waiting(task))


def objective(case: Case) -> Objective:
    """The bound that the case asks for."""
    return ImportanceWeightedELBO(num_particles=case.particles) if case.particles else ELBO()


def build(task: Task) -> VAE:
    """The model of a case, with the weights that all begin with."""
    case = task.case
    shape = case.shape
    encoder: Network
    decoder: Network
    if case.blocks:
        options: dict[str, Any] = {"blocks": case.blocks, "activation": case.activation}
        encoder = ResidualEncoder(shape, 2 * case.latents, channels=case.hidden, **options)
        decoder = ResidualDecoder(case.latents, shape, channels=case.hidden[::-1], **options)
    elif case.dense:
        encoder = ConvEncoder(
            shape,
            2 * case.latents,
            channels=case.hidden,
            dense=[case.dense],
            activation=case.activation,
        )
        decoder = ConvDecoder(
            case.latents, shape, channels=case.hidden[::-1], activation=case.activation
        )
    else:
        encoder = MLP(shape, case.hidden, 2 * case.latents, activation=case.activation)
        decoder = MLP(case.latents, case.hidden[::-1], shape, activation=case.activation)
    vae = VAE(NormalPrior(case.latents), NormalPosterior(encoder), BernoulliLikelihood(decoder))
    with torch.no_grad():
        for parameter, value in zip(vae.parameters(), task.weights(), strict=True):
            parameter.copy_(torch.from_numpy(value))
    return vae


def weights(vae: VAE) -> Weights:
    """The parameters, encoder first."""
    return [parameter.detach().cpu().numpy().copy() for parameter in vae.parameters()]
