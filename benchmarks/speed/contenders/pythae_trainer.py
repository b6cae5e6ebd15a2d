"""pythae: its VAE or IWAE under its trainer, and its ``get_nll``."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pythae.data.datasets import BaseDataset, DatasetOutput
from pythae.models import IWAE, VAE, IWAEConfig, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import Tensor

from benchmarks.speed.contenders.by_hand import Network, draw_bits, waiting
from benchmarks.speed.data import Task
from benchmarks.speed.turns import Turns

__all__ = ["run"]


class Encoder(BaseEncoder):
    """The case's encoder, with the logarithm of the variance that pythae expects."""

    def __init__(self, network: Network) -> None:
        BaseEncoder.__init__(self)
        self.network = network

    def forward(self, x: Tensor) -> ModelOutput:
        """Mean and log-variance."""
        loc, scale = self.network.posterior(x.flatten(1))
        return ModelOutput(embedding=loc, log_covariance=2 * scale.log())


class Decoder(BaseDecoder):
    """The case's decoder, with the probabilities that pythae expects."""

    def __init__(self, network: Network) -> None:
        BaseDecoder.__init__(self)
        # The network belongs to the encoder; in a list it is not registered a second time.
        self.network = [network]

    def forward(self, z: Tensor) -> ModelOutput:
        """Probabilities of the pixels."""
        return ModelOutput(reconstruction=torch.sigmoid(self.network[0].decoder(z)))


class Drawn:
    """Binarizes a whole batch before the model sees it, which is faster than image by image."""

    def forward(self, inputs: Any, **kwargs: Any) -> Any:
        """The model's output on zeros and ones drawn anew."""
        return super().forward(DatasetOutput(data=draw_bits(inputs["data"])), **kwargs)  # type: ignore[misc]


class DrawnVAE(Drawn, VAE):
    """pythae's VAE on dynamically binarized images."""


class AtEpochs(TrainingCallback):
    """Waits for the next turn where an epoch ends."""

    def __init__(self, turn: Turns, network: Network, wait: Callable[[], None] | None) -> None:
        self.turn, self.network, self.wait = turn, network, wait

    def on_epoch_end(self, training_config: Any, **kwargs: Any) -> None:
        """Ends the turn."""
        self.turn(self.network.weights, wait=self.wait)


def run(task: Task, turn: Turns, variant: str) -> None:
    """Trains, or estimates log-likelihoods, one epoch a turn."""
    case, images = task.case, torch.from_numpy(task.images())
    wait = waiting(task)
    turn()
    torch.manual_seed(0)
    network = Network(case).take(task.weights())
    kind = DrawnVAE if case.binarization == "dynamic" else VAE
    config: Any = VAEConfig
    options: dict[str, Any] = {}
    if case.particles:
        kind, config, options = IWAE, IWAEConfig, {"number_samples": case.particles}
    model = kind(
        config((case.pixels,), case.latents, reconstruction_loss="bce", **options),
        encoder=Encoder(network),
        decoder=Decoder(network),
    )
    if case.samples:
        model.to(task.device).eval()
        images = images.to(task.device)
        while True:
            # Without gradients, or it would keep all graphs. Its value is log p, not minus that, and
            # it takes no fewer samples than its batch_size.
            with torch.no_grad():
                log_p = model.get_nll(images, case.samples, min(100, case.samples))
            turn(result=float(np.mean(log_p)))
    with tempfile.TemporaryDirectory() as folder:
        trainer = BaseTrainer(
            model,
            BaseDataset(images, torch.zeros(len(images))),
            training_config=BaseTrainerConfig(
                output_dir=str(Path(folder)),
                num_epochs=10**9,
                per_device_train_batch_size=case.batch,
                learning_rate=1e-3,
                no_cuda=task.device == "cpu",
            ),
            callbacks=[AtEpochs(turn, network, wait)],
        )
        trainer.train()
