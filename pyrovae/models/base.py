"""The base class of all models: parameter registration, the data plate and the queries."""

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

# Pyro has one parameter store for the process, with entries by name. Two models with the same name
# would share an entry, and the second would never train. Weak keys, because ids are reused; not an
# attribute, because a deep copy would inherit it.
_names: "WeakKeyDictionary[LatentVariableModel, str]" = WeakKeyDictionary()
_numbers = itertools.count(1)


class LatentVariableModel(Component, ABC):
    """A model p(x, z) and its guide q(z|x), written as Pyro programs.

    Subclasses implement `model` and `guide`, each inside ``with self.data_plate(x):``. Everything
    else here works on the traces of these two, for any latents. The queries (`sample`, `encode`,
    `decode`, `reconstruct`) run without gradients and in evaluation mode.

    Attributes:
        latent_shape: Shape of one latent, if there is only one and its shape is declared.
        data_shape: Shape of one datum, if it is declared.
        sees_masks: Whether the guide's network can also read which values of a datum were
            observed, as a mask appended to the datum.
    """

    latent_shape: Size | None = None
    data_shape: Size | None = None
    sees_masks: ClassVar[bool] = False

    @classmethod
    def encoder_shape(cls, latent_shape: Size, **options: Any) -> Size:
        """Returns the output shape of the encoder, for models with an encoder but no posterior.

        Args:
            latent_shape: Shape of one latent.
            **options: The other arguments that the model will be constructed with.
        """
        return latent_shape

    @classmethod
    def decoder_shape(cls, latent_shape: Size, data_shape: Size, **options: Any) -> Size:
        """Returns the shape that the likelihood reads, for code that builds a network for it.

        Args:
            latent_shape: Shape of one latent.
            data_shape: Shape of one datum.
            **options: The other arguments that the model will be constructed with.
        """
        return latent_shape

    @abstractmethod
    def model(self, *args: Any, **kwargs: Any) -> Any:
        """The generative program; its arguments are the tensors of a batch, data first."""

    @abstractmethod
    def guide(self, *args: Any, **kwargs: Any) -> Any:
        """The variational program, with the same arguments as `model`."""

    @contextmanager
    def data_plate(self, x: Tensor) -> Iterator[None]:
        """Registers the parameters and opens the plate ``"data"`` over the batch, at dim -1.

        Args:
            x: Data, ``(n, *data_shape)``; only the length is used.

        Raises:
            ValueError: Inside the plate, if the value of a site does not fit its distribution.
        """
        if self not in _names:
            _names[self] = f"{type(self).__name__}{next(_numbers)}"
        # pyro.module would warn about each frozen parameter in each run. It would also keep the
        # parameters of a replaced part, so that the new part with the same names never trains.
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
        """Checks a batch, including its values, before anything is computed with it.

        The programs do not check values, because that would wait for the device at each step.
        `fit` calls this once at the start, for all data in memory, and so do the queries.

        Args:
            x: Data, ``(n, *data_shape)``.
            *given: The other arguments of the programs.

        Raises:
            ValueError: If a ``data_shape`` is declared and the data do not have it.
        """
        if self.data_shape is not None and x.shape[1:] != self.data_shape:
            raise ValueError(
                f"expected data of shape (n, {', '.join(map(str, self.data_shape))}), the batch "
                f"first, got {tuple(x.shape)}"
            )

    @torch.no_grad()
    def sample(self, n: int, *given: Any, draw: bool = False) -> Any:
        """Generates data from the model, starting from its prior.

        Args:
            n: Number of data.
            *given: The model's other arguments, ``(n, ...)`` each; a single number stands for n
                equal ones. Arguments that the model only observes are ignored and may be anything.
            draw: Whether to draw from the likelihood instead of returning its mean.

        Returns:
            Data, ``(n, *data_shape)``; a dict by site if the model has several data sites.

        Raises:
            ValueError: If ``n`` is not positive, or the number of arguments is wrong.
        """
        return self._values(self._generate(n, given), draw)

    @torch.no_grad()
    def encode(self, *batch: Any) -> Any:
        """Returns the posterior mean of each datum.

        In a hierarchy, the mean of each latent is taken at the means of those before it. If a
        distribution has no mean in closed form, the mean of draws is returned, with a warning.
        `pyrovae.evaluation.encode` does this for data of any size and source.

        Args:
            *batch: The guide's arguments, starting with ``x``, ``(n, *data_shape)``. Tensors or
                NumPy arrays, whose values are read as in `fit`: 8-bit grey levels (not counts) are
                divided by 255, and floats are converted to the type of the model's parameters.

        Returns:
            The means, ``(n, *latent_shape)``; a dict by site if there are several latents.

        Raises:
            ValueError: If a ``data_shape`` is declared and the data do not have it, or they are of
                a type that `fit` refuses, not finite, or outside the likelihood's support.
        """
        x, *rest = batch
        x = self._read(x)
        given = self._given(len(x), rest)
        # A guide observes nothing, so it would not notice invalid data; the model does. A model
        # whose prior lacks its data cannot be run, and is not needed for codes.
        if all(getattr(part, "complete", True) for part in self.modules()):
            BatchCheck(self)((x, *given))
        with isolated(self.device), evaluation_mode(self), plain_errors():
            codes = latent_means(self.guide, x, *given)
        return next(iter(codes.values())) if len(codes) == 1 else codes

    @torch.no_grad()
    def decode(self, z: Any, *given: Any) -> Any:
        """Returns the likelihood of the data given latents.

        Args:
            z: Latents, ``(n, *latent_shape)``; a dict by site if there are several. Latents that
                are missing from the dict are drawn from the model.
            *given: The model's other arguments, as for `sample`.

        Returns:
            p(x|z), with ``batch_shape (n,)``; a dict of such distributions by site if the model
            has several data sites.

        Raises:
            ValueError: If the latents have another shape than the model's, or an unknown name.
        """
        latents = self._named(z, given)
        sites = self._generate(length_of(latents), given, latents)
        return one_or_all({name: site["fn"] for name, site in sites.items()})

    @torch.no_grad()
    def reconstruct(self, *batch: Any, draw: bool = False, to: str | None = None) -> Any:
        """Encodes data to the posterior mean and decodes it.

        Args:
            *batch: The guide's arguments, as for `encode`.
            draw: Whether to draw from the likelihood instead of returning its mean.
            to: The data site to return; all of them if None.

        Returns:
            Data, ``(n, *data_shape)``; a dict by site if the model has several data sites and
            ``to`` is None.

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
        """Returns a view of the model with a single data site, for figures and the like.

        Args:
            site: Name of the data site, such as ``"x"``.
        """
        return OneSite(self, site)

    def _read(self, x: Any) -> Tensor:
        """Reads a batch of data as `fit` does, on the model's device and in its type."""
        (x,) = to_dtype([read_batch(x, counts=takes_counts(self))], dtype_of(self))
        return x.to(self.device)

    def _tensors(self, values: Iterable[Any], name: str) -> tuple[Tensor, ...]:
        """Reads a query's other arguments, on the model's device and in its type."""
        tensors = [read_given(value, name).to(self.device) for value in values]
        return to_dtype(tensors, dtype_of(self))

    def _given(self, n: int, given: Sequence[Any]) -> tuple[Tensor, ...]:
        """Converts a query's other arguments to those of the programs."""
        values = self._tensors(given, "the arguments after the data")
        return tuple(value if value.dim() else value.expand(n) for value in values)

    def _named(self, z: Any, given: Sequence[Any]) -> dict[str, Tensor]:
        """Returns the latents by site, from the output of `encode`."""
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
        """Runs the model forward on an empty batch: the plate only uses its size."""
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"expected at least one datum, got {n!r}")
        empty = torch.empty(n, 0, device=self.device)
        program = poutine.condition(poutine.uncondition(self.model), data=latents)
        with isolated(self.device), evaluation_mode(self):
            batch = (empty, *self._given(n, given))
            if not binds(self.model, batch):
                names = ", ".join(inspect.signature(self.model).parameters)
                raise ValueError(
                    f"expected the arguments of model({names}) after the data, got "
                    f"{len(batch) - 1}"
                )
            with plain_errors():
                return poutine.trace(program).get_trace(*batch)

    def _generate(
        self, n: int, given: Sequence[Any] = (), latents: dict[str, Tensor] | None = None
    ) -> dict[str, Any]:
        """Runs the model forward and returns the data sites."""
        trace = self._trace(n, given, latents or {})
        names = latents_of(trace)
        unknown = sorted(set(latents or {}) - set(names))
        if unknown:
            raise ValueError(f"decode: expected latents among {names}, got {unknown}")
        # Latents that were given count as observed in the trace, too.
        sites = {n: s for n, s in trace.nodes.items() if is_data(s) and n not in names}
        if not sites:
            raise ValueError(
                f"{type(self).__name__}: expected a model with observed data, but all its sites, "
                f"{names}, are latents (a site with obs=None is a latent)"
            )
        return sites

    @staticmethod
    def _values(sites: dict[str, Any], draw: bool) -> Any:
        """Returns draws or means of the data sites."""
        return one_or_all({name: value_of(site, draw) for name, site in sites.items()})
