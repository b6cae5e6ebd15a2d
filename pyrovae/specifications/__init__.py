"""The one reader of ``{class_path, init_args}``: files from somebody else are data, never code."""

from pyrovae.specifications.arguments import check_value, parameters_of
from pyrovae.specifications.bounds import bounded
from pyrovae.specifications.classes import choices, find_class, resolve
from pyrovae.specifications.make import (
    Spec,
    arguments_of,
    check_spec,
    instantiate,
    nested_slot,
    network_shape,
)
from pyrovae.specifications.plain import PLAIN_TYPES, Plain, check_plain
from pyrovae.specifications.slots import SLOTS, Slot
from pyrovae.specifications.yaml import dump_yaml, parse_yaml, read_yaml

__all__ = [
    "PLAIN_TYPES",
    "SLOTS",
    "Plain",
    "Slot",
    "Spec",
    "arguments_of",
    "bounded",
    "check_plain",
    "check_spec",
    "check_value",
    "choices",
    "dump_yaml",
    "find_class",
    "instantiate",
    "nested_slot",
    "network_shape",
    "parameters_of",
    "parse_yaml",
    "read_yaml",
    "resolve",
]
