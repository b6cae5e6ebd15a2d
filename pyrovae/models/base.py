"""What every model of the library shares: registration, the data plate, and the queries."""

import inspect
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
import pyro
import torch
from pyro import poutine
from pyro.params import param_with_module_name
from torch import Size, Tensor

from pyrovae.component import Component
from pyrovae.datasets.values import read_batch, to_dtype
from pyrovae.handlers import CheckShapes, binds, is_data, latent_means, plain_errors
from pyrovae.models.one_site import OneSite
from pyrovae.models.sites import latents_of, length_of, one_or_all, read_given, value_of
from pyrovae.nn.modes import evaluation_mode
from pyrovae.programs import dtype_of, takes_counts
from pyrovae.scope import isolated
from pyrovae.support import BatchCheck

__all__ = ["LatentVariableModel"]

# Pyro's parameter store is one for the process and goes by name: two models of one name would
# share an entry, and the second would never train. Weak keys, because ids are used again, and no
# attribute, because a deep copy would inherit it.
_names: "WeakKeyDictionary[LatentVariableModel, str]" = WeakKeyDictionary()
_numbers = itertools.count(1)


class LatentVariableModel(Component, ABC):
    """A model p(x, z) and its guide q(z|x), written as Pyro programs.

    A subclass writes `model` and `guide`, each inside ``with self.data_plate(x):``; all else here
    works on the traces of these two and holds for any latents. The queries (`sample`, `encode`,
    `decode`, `reconstruct`) run without gradients and in evaluation mode.

    Attributes:
        latent_shape: Shape of one latent, where there is one latent and its shape is declared.
        data_shape: Shape of one datum, where it is declared.
        sees_masks: Whether its guide may read, below a datum, which of its values were observed.
    """

    latent_shape: Size | None = None
    data_shape: Size | None = None
    sees_masks: ClassVar[bool] = False

    @classmethod
    def encoder_shape(cls, latent_shape: Size, **options: Any) -> Size:
        """Says what its network of data puts out, for those who build one for a model without a posterior.

        Args:
            latent_shape: Shape of one latent.
            **options: The other arguments that the model will be made with.
        """
        return latent_shape

    @classmethod
    def decoder_shape(cls, latent_shape: Size, data_shape: Size, **options: Any) -> Size:
        """Says what its likelihood reads, for those who build a network for it.

        Args:
            latent_shape: Shape of one latent.
            data_shape: Shape of one datum.
            **options: The other arguments that the model will be made with.
        """
        return latent_shape

    @abstractmethod
    def model(self, *args: Any, **kwargs: Any) -> Any:
        """The generative program; its arguments are a batch's tensors, each the batch first."""

    @abstractmethod
    def guide(self, *args: Any, **kwargs: Any) -> Any:
        """The variational program, with the same arguments as `model`."""

    @contextmanager
    def data_plate(self, x: Tensor) -> Iterator[None]:
        """Registers the parameters and opens the plate ``"data"`` over the batch, at dim -1.

        Args:
            x: Data, ``(n, *data_shape)``; only its length is read.

        Raises:
            ValueError: Inside the plate, if a site's value does not fit its distribution.
        """
        if self not in _names:
            _names[self] = f"{type(self).__name__}{next(_numbers)}"
        # pyro.module would warn of each frozen parameter in each run, and keep the parameters of
        # a part that has been swapped: the new part, of the same names, would never train.
        store = pyro.get_param_store()
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                key = param_with_module_name(_names[self], name)
                if key in store and store[key] is not parameter:
                    del store[key]
                pyro.param(key, parameter)
        with pyro.plate("data", len(x), dim=-1), CheckShapes(len(x)):
            yield

    def check_batch(self, x: Tensor, *given: Tensor) -> None:
        """Looks at a batch, values included, before anything is computed with it.

        Programs run at each step and leave the values alone, which would wait for the device.
        `fit` calls this once, before it begins, for all data in memory, and so do the queries.

        Args:
            x: Data, ``(n, *data_shape)``.
            *given: What else the programs take.

        Raises:
            ValueError: If the data are not ``(n, *data_shape)``, where that is declared.
        """
        if self.data_shape is not None and x.shape[1:] != self.data_shape:
            raise ValueError(
                f"expected data of shape (n, {', '.join(map(str, self.data_shape))}), the batch "
                f"first, got {tuple(x.shape)}"
            )

    @torch.no_grad()
    def sample(self, n: int, *given: Any, draw: bool = False) -> Any:
        """Generates data from the model, its own prior first.

        Args:
            n: Number of data.
            *given: What the model takes beside the data, ``(n, ...)`` each; a number stands for
                n equal ones. What a site of the model observes is not read: anything will do.
            draw: Whether to draw from the likelihood; its mean is given otherwise.

        Returns:
            Data, ``(n, *data_shape)``; a dict by site where the model has several data sites.

        Raises:
            ValueError: If ``n`` is not positive, or the model takes more or fewer tensors.
        """
        return self._values(self._generate(n, given), draw)

    @torch.no_grad()
    def encode(self, *batch: Any) -> Any:
        """The mean of the posterior of each datum.

        In a hierarchy each latent's mean is taken at the means of those before it. A
        distribution without a mean in closed form gives the mean of draws, with a warning.
        `pyrovae.evaluation.encode` does this for data of any size and source.

        Args:
            *batch: What the guide takes: ``x``, ``(n, *data_shape)``, first. Tensors or NumPy
                arrays, whose values are read as `fit` reads them: 8-bit grey levels (not counts)
                are divided by 255, and floating numbers get the type of the model's parameters.

        Returns:
            The means, ``(n, *latent_shape)``; a dict by site where there are several latents.

        Raises:
            ValueError: If the data are not ``(n, *data_shape)``, where that is declared, not of a
                type that `fit` takes, not finite, or outside the likelihood's support.
        """
        x, *rest = batch
        x = self._read(x)
        given = self._given(len(x), rest)
        # A guide observes nothing, so nothing in it would notice what are no data of the model. A
        # model whose prior waits for its data cannot be run, and is not needed for codes.
        if all(getattr(part, "complete", True) for part in self.modules()):
            BatchCheck(self)((x, *given))
        with isolated(self.device), evaluation_mode(self), plain_errors():
            codes = latent_means(self.guide, x, *given)
        return next(iter(codes.values())) if len(codes) == 1 else codes

    @torch.no_grad()
    def decode(self, z: Any, *given: Any) -> Any:
        """The likelihood of the data given latents.

        Args:
            z: Latents, ``(n, *latent_shape)``; a dict by site where there are several. Those
                that a dict leaves out are drawn from the model.
            *given: What the model takes beside the data, as for `sample`.

        Returns:
            p(x|z), with ``batch_shape (n,)``; a dict of such distributions by site where the
            model has several data sites.

        Raises:
            ValueError: If the latents do not have the model's shape, or lack a name.
        """
        latents = self._named(z, given)
        sites = self._generate(length_of(latents), given, latents)
        return one_or_all({name: site["fn"] for name, site in sites.items()})

    @torch.no_grad()
    def reconstruct(self, *batch: Any, draw: bool = False, to: str | None = None) -> Any:
        """Encodes data to the posterior's mean and decodes it.

        Args:
            *batch: What the guide takes, as for `encode`.
            draw: Whether to draw from the likelihood; its mean is given otherwise.
            to: The data site that is wanted; all of them, if left out.

        Returns:
            Data, ``(n, *data_shape)``; a dict by site where the model has several data sites and
            all are wanted.

        Raises:
            ValueError: If the model has no such site.
        """
        given, z = batch[1:], self.encode(*batch)
        latents = self._named(z, given)
        sites = self._generate(length_of(latents), given, latents)
        if to is None:
            return self._values(sites, draw)
        if to not in sites:
            raise ValueError(f"to: expected one of the data sites {list(sites)}, got {to!r}")
        return value_of(sites[to], draw)

    def only(self, site: str) -> "OneSite":
        """The model as it is seen at one of its data sites, for figures and the like.

        Args:
            site: Its name, such as ``"x"``.
        """
        return OneSite(self, site)

    def _read(self, x: Any) -> Tensor:
        """A batch of data as `fit` reads it, on the model's device and in its type."""
        (x,) = to_dtype([read_batch(x, counts=takes_counts(self))], dtype_of(self))
        return x.to(self.device)

    def _tensors(self, values: Iterable[Any], name: str) -> tuple[Tensor, ...]:
        """What a query was given beside the data, on the model's device and in its type."""
        tensors = [read_given(value, name).to(self.device) for value in values]
        return to_dtype(tensors, dtype_of(self))

    def _given(self, n: int, given: Sequence[Any]) -> tuple[Tensor, ...]:
        """What the programs take beside the data, from what a query was given."""
        values = self._tensors(given, "what is given beside the data")
        return tuple(value if value.dim() else value.expand(n) for value in values)

    def _named(self, z: Any, given: Sequence[Any]) -> dict[str, Tensor]:
        """The latents by site, from what `encode` gives."""
        if not isinstance(z, Mapping):
            if not isinstance(z, Tensor | np.ndarray | Sequence) or isinstance(z, str):
                raise ValueError(f"decode: expected latents, got {z!r:.60}")
            z = {self._only_latent(len(z), given): z}
        if not z:
            raise ValueError("decode: expected at least one latent, got none")
        return dict(zip(z, self._tensors(z.values(), "latents"), strict=True))

    def _only_latent(self, n: int, given: Sequence[Any]) -> str:
        with isolated(self.device, seed=0):
            latents = latents_of(self._trace(n, given, {}))
        if len(latents) != 1:
            raise ValueError(f"decode: expected a dict with latents of {latents}, got a tensor")
        return latents[0]

    def _trace(self, n: int, given: Sequence[Any], latents: dict[str, Tensor]) -> poutine.Trace:
        """Runs the model forward on an empty batch: the plate reads nothing but the size."""
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"expected at least one datum, got {n!r}")
        empty = torch.empty(n, 0, device=self.device)
        program = poutine.condition(poutine.uncondition(self.model), data=latents)
        with isolated(self.device), evaluation_mode(self):
            batch = (empty, *self._given(n, given))
            if not binds(self.model, batch):
                names = ", ".join(inspect.signature(self.model).parameters)
                raise ValueError(
                    f"expected what the model takes beside the data, model({names}), "
                    f"got {len(batch) - 1} arguments for it"
                )
            with plain_errors():
                return poutine.trace(program).get_trace(*batch)

    def _generate(
        self, n: int, given: Sequence[Any] = (), latents: dict[str, Tensor] | None = None
    ) -> dict[str, Any]:
        """Runs the model forward and gives the data's sites."""
        trace = self._trace(n, given, latents or {})
        names = latents_of(trace)
        unknown = sorted(set(latents or {}) - set(names))
        if unknown:
            raise ValueError(f"decode: expected latents among {names}, got {unknown}")
        # Latents that were given are observed now, too.
        sites = {n: s for n, s in trace.nodes.items() if is_data(s) and n not in names}
        if not sites:
            raise ValueError(
                f"{type(self).__name__}: expected a model that observes data, but it has the "
                f"sites {names} alone (a site whose obs is None is a latent)"
            )
        return sites

    @staticmethod
    def _values(sites: dict[str, Any], draw: bool) -> Any:
        """Draws or means of the data's sites."""
        return one_or_all({name: value_of(site, draw) for name, site in sites.items()})
