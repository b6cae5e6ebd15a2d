"""Effect handlers, which change a model or guide from outside, as in Pyro."""

from pyrovae.handlers.arity import binds, check_taken, tensors_taken
from pyrovae.handlers.check_shapes import CheckShapes
from pyrovae.handlers.leaves import Draw, DrawLeaves, send_back
from pyrovae.handlers.modalities import KeepModalities, modalities_there
from pyrovae.handlers.plain_errors import plain_errors
from pyrovae.handlers.scale_latents import ScaleLatents, scale_latents
from pyrovae.handlers.scale_temperatures import ScaleTemperatures
from pyrovae.handlers.scales import plate_scale, scaled_from_outside, weighed_alike
from pyrovae.handlers.sites import is_data, is_latent, is_subsample
from pyrovae.handlers.strata import Strata
from pyrovae.handlers.use_means import SiteMean, UseMeans, latent_means, mean_of, mean_or_draw
from pyrovae.handlers.weigh_data import WeighData, data_weight, unweighed

__all__ = [
    "CheckShapes",
    "Draw",
    "DrawLeaves",
    "KeepModalities",
    "ScaleLatents",
    "ScaleTemperatures",
    "SiteMean",
    "Strata",
    "UseMeans",
    "WeighData",
    "binds",
    "check_taken",
    "data_weight",
    "is_data",
    "is_latent",
    "is_subsample",
    "latent_means",
    "mean_of",
    "mean_or_draw",
    "modalities_there",
    "plain_errors",
    "plate_scale",
    "scale_latents",
    "scaled_from_outside",
    "send_back",
    "tensors_taken",
    "unweighed",
    "weighed_alike",
]
