"""Builds a model from class names, their arguments and the data."""

import os
from collections.abc import Callable, Collection
from typing import Any

from torch import Size, Tensor

from pyrovae.columns import Column
from pyrovae.models import LatentVariableModel
from pyrovae.nn import Chain, ColumnFeatures
from pyrovae.nn.network import Shape, as_size
from pyrovae.specifications import (
    SLOTS,
    Spec,
    arguments_of,
    bounded,
    check_spec,
    instantiate,
    network_shape,
    parameters_of,
)

__all__ = ["build", "parts_of", "sees_counts", "sees_masks"]

MOST_OPERATIONS = 100_000  # enough for a network with thousands of layers
USUAL: Spec = {"class_path": "pyrovae.models.VAE"}


def parts_of(model: Spec | None, *, allow: Collection[str] = ()) -> set[str]:
    """Returns which specifications a model's class needs, by argument name.

    An encoder can be the posterior's network or the model's own.

    Args:
        model: Class and arguments of the model; `VAE` if None.
        allow: Packages, besides pyrovae, whose classes may be imported.

    Raises:
        ValueError: If it is not the specification of a model.
    """
    cls = check_spec(model or USUAL, SLOTS["model"], allow=allow)
    named = set(parameters_of(cls))
    parts = named & {"prior", "posterior"} | {"likelihood", "decoder"}
    return parts | ({"encoder"} if named & {"posterior", "encoder", "network"} else set())


def sees_masks(model: Spec | None, *, allow: Collection[str] = ()) -> bool:
    """Whether the guide of a model's class may read which values of a datum were observed.

    Raises:
        ValueError: If it is not the specification of a model.
    """
    cls: Any = check_spec(model or USUAL, SLOTS["model"], allow=allow)
    return bool(cls.sees_masks)


def sees_counts(likelihood: Spec, *, allow: Collection[str] = ()) -> bool:
    """Whether a likelihood's class declares that its data are counts.

    Raises:
        ValueError: If it is not the specification of a likelihood.
    """
    cls: Any = check_spec(likelihood, SLOTS["likelihood"], allow=allow)
    return bool(cls.counts)


def build(
    data_shape: Shape,
    latent_features: Shape,
    *,
    model: Spec | None = None,
    prior: Spec | None = None,
    posterior: Spec | None = None,
    likelihood: Spec,
    encoder: Spec | None = None,
    decoder: Spec,
    pseudo_inputs: Callable[[], Tensor] | None = None,
    columns: tuple[Column, ...] | None = None,
    allow: Collection[str] = (),
) -> LatentVariableModel:
    """Builds a model from specifications ``{"class_path": ..., "init_args": {...}}``.

    Arguments that only the data or the other parts determine (shapes, networks, the posterior,
    pseudo-inputs) are passed to each class whose signature names them; the other arguments come
    from the specification. The model gets the parts that its signature names: ``prior``,
    ``posterior``, ``likelihood``, and as ``encoder`` or ``network`` a network from data to the
    latents themselves.

    Args:
        data_shape: Shape of one datum.
        latent_features: Number of latent variables; or the shape of a latent, such as a map
            (channels, height, width), if the parts support one.
        model: Class and arguments of the model; `VAE` if None.
        prior: Class and arguments of the prior, if the model has one.
        posterior: Class and arguments of the posterior, if the model has one.
        likelihood: Class and arguments of the likelihood.
        encoder: Class and arguments of the network that reads the data, if the model has one.
        decoder: Class and arguments of the likelihood's network.
        pseudo_inputs: Returns training data, ``(n, *data_shape)``, for a prior that is initialised
            with some or, as exemplars, keeps some; it is not called for other priors. For a table
            and a model that sees masks, the masks are appended to the data.
        columns: The columns, if the data are a table. The encoder then reads their
            `ColumnFeatures`.
        allow: Packages, besides pyrovae, whose classes may be imported.

    Raises:
        ValueError: If a class cannot be constructed from its arguments, or lacks a part.
    """
    latent = as_size(latent_features, "latent_features")
    known: dict[str, Any] = {
        "latent_features": latent[0] if len(latent) == 1 else list(latent),
        "data_shape": as_size(data_shape, "data_shape"),
    }
    if columns is not None:
        known["columns"] = columns
    if pseudo_inputs is not None:
        known["pseudo_inputs"] = known["exemplars"] = lambda: pseudo_inputs()
    specs = {
        "model": model or USUAL,
        "prior": prior,
        "posterior": posterior,
        "likelihood": likelihood,
        "encoder": encoder,
        "decoder": decoder,
    }
    wanted = parts_of(model, allow=allow)
    for name in sorted(wanted):
        if specs[name] is None:
            raise ValueError(f"{name}: the model needs one, but none was given")
    # Bounded by this machine's memory, because the specifications may come from someone else.
    with bounded(_memory(), MOST_OPERATIONS, "model"):
        return _Assembly(specs, known, allow).build(wanted)


class _Assembly:
    """Builds the parts of a model in turn, each with what the parts before it determine."""

    def __init__(
        self, specs: dict[str, Spec | None], known: dict[str, Any], allow: Collection[str]
    ) -> None:
        self.specs, self.known, self.allow = specs, known, allow

    def build(self, wanted: set[str]) -> LatentVariableModel:
        """Builds the model from the given parts."""
        shape, latent = self.known["data_shape"], self.known["latent_features"]
        latent_shape = as_size(latent, "latent_features")
        parts: dict[str, Any] = {}
        self.check_likelihood()
        if "posterior" in wanted:
            self.check_maps(latent)
            network = self.encoder(self.out_shape("posterior", latent))
            parts["posterior"] = self.make("posterior", network=network)
            self.known["posterior"] = parts["posterior"]
        elif "encoder" in wanted:
            parts["encoder"] = self.encoder(self.encoded(latent_shape))
            parts["network"] = parts["encoder"]
        out_shape = self.out_shape("likelihood", shape)
        # With several stages, the codes have more numbers than the network's output.
        coded = getattr(parts.get("posterior"), "latent_shape", None) or latent_shape
        network = self.make("decoder", in_shape=self.decoded(coded), out_shape=out_shape)
        parts["likelihood"] = self.make("likelihood", network=network)
        if "prior" in wanted:
            parts["prior"] = self.make("prior")
        self.known = parts | {"latent_features": latent}
        return self.make("model")

    def make(self, name: str, **values: Any) -> Any:
        """Builds a part."""
        known = self.known | values
        return instantiate(self.specs[name], SLOTS[name], allow=self.allow, known=known)

    def encoder(self, out_shape: Size) -> Any:
        """Builds the encoder, which for a table reads features of its columns."""
        columns = self.known.get("columns")
        if columns is None:
            return self.make("encoder", in_shape=self.known["data_shape"], out_shape=out_shape)
        features = ColumnFeatures(columns, mask=sees_masks(self.specs["model"], allow=self.allow))
        network = self.make("encoder", in_shape=features.out_shape, out_shape=out_shape)
        return Chain([features, network])

    def out_shape(self, owner: str, size: Any) -> Size:
        """Returns the output shape of a part's network, which the part's class defines."""
        spec = self.specs[owner]
        cls: Any = check_spec(spec, SLOTS[owner], allow=self.allow)
        options = arguments_of(spec)
        given = {key: self.known[key] for key in ("columns",) if key in self.known}
        shape = network_shape(spec, SLOTS[owner], allow=self.allow, given=given)(size)
        if min(shape) < 1:
            odd = {k: v for k, v in options.items() if isinstance(v, int) and v < 1}
            told = ", ".join(f"{key}={value}" for key, value in odd.items())
            raise ValueError(f"{owner}: {cls.__name__}: expected positive sizes, got {told}")
        return shape

    def encoded(self, latent: Size) -> Size:
        """Returns the output shape of the encoder, which the model's class defines."""
        spec = self.specs["model"]
        cls: Any = check_spec(spec, SLOTS["model"], allow=self.allow)
        return _of_model(lambda: cls.encoder_shape(latent, **arguments_of(spec)))

    def decoded(self, latent: Size) -> Size:
        """Returns the input shape of the likelihood, which the model's class defines."""
        spec, data = self.specs["model"], Size(self.known["data_shape"])
        cls: Any = check_spec(spec, SLOTS["model"], allow=self.allow)
        return _of_model(lambda: cls.decoder_shape(latent, data, **arguments_of(spec)))

    def check_maps(self, latent: Shape) -> None:
        """Checks that the posterior supports latents of the given shape."""
        cls: Any = check_spec(self.specs["posterior"] or "", SLOTS["posterior"], allow=self.allow)
        if not isinstance(latent, int) and not cls.takes_maps:
            raise ValueError(
                f"latent_features: expected one number, because the latents of {cls.__name__} are "
                f"vectors, got {latent}"
            )

    def check_likelihood(self) -> None:
        """Checks that the data are a table if and only if the likelihood is one of columns."""
        spec = self.specs["likelihood"]
        cls = check_spec(spec, SLOTS["likelihood"], allow=self.allow)
        takes = "columns" in parameters_of(cls)
        if takes != ("columns" in self.known):
            told = (
                "the data are not a table"
                if takes
                else "each column of a table needs its own likelihood"
            )
            instead = "" if takes else ", such as ColumnsLikelihood"
            raise ValueError(f"likelihood: {told}{instead}, got {cls.__name__}")


def _of_model(shape: Callable[[], Size]) -> Size:
    """Returns a shape that the model's class defines, and names the model in an error."""
    try:
        return shape()
    except ValueError as error:
        raise ValueError(f"model: {error}") from error


def _memory() -> int:
    return int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
