"""Refusing values whose shapes would broadcast into nonsense."""

from typing import Any

from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message
from torch import Tensor

from pyrovae.handlers.sites import is_data, is_latent, is_subsample
from pyrovae.latents import check_kinds, latent_kind

__all__ = ["CheckShapes"]


class CheckShapes(Messenger):
    """Refuses values whose shapes do not fit their distribution, before they broadcast.

    It also refuses a latent whose prior and posterior are densities of different kinds.

    A missing batch dimension or a flattened image would otherwise broadcast against the parameters
    of the distribution, and the program would train on nonsense without complaint.

    Args:
        size: Number of data in the batch.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.data: set[str] = set()

    def _pyro_sample(self, msg: Message) -> None:
        # No outer handler has acted yet, so this is what the program itself observes.
        if msg["is_observed"]:
            self.data.add(msg["name"])

    def _pyro_post_sample(self, msg: Message) -> None:
        fn: Any = msg["fn"]
        value: Any = msg["value"]
        if not isinstance(value, Tensor) or is_subsample(msg):
            return
        if msg["is_observed"] and not is_data(msg):
            return  # a factor or a deterministic site, which has the dimensions of the latents
        if is_latent(msg):
            # A model that is replayed on a guide's draws gets the guide's notes with them.
            notes: Any = msg["infer"]
            kind = latent_kind(fn)
            check_kinds(f"site {msg['name']!r}", notes.setdefault("latent_kind", kind), kind)
        events = len(fn.event_shape)
        batch, event = value.shape[: value.dim() - events], value.shape[value.dim() - events :]
        if event != fn.event_shape:
            raise ValueError(
                f"site {msg['name']!r}: its distribution has event shape "
                f"{tuple(fn.event_shape)}, but its value has {tuple(event)} "
                f"(shape {tuple(value.shape)})"
            )
        if not msg["is_observed"]:
            return
        # Plates around the program, for particles or draws, add dimensions to latents that
        # poutine.condition fixes, but never to the data.
        plates = 1 if msg["name"] in self.data else max(-f.dim for f in msg["cond_indep_stack"])
        if batch[-1:] != (self.size,) or len(batch) > plates:
            raise ValueError(
                f"site {msg['name']!r}: expected data of shape "
                f"{(self.size, *fn.event_shape)}, the batch first, got {tuple(value.shape)}"
            )
