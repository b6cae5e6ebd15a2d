"""Networks: maps from one declared shape to another, with any leading dimensions."""

from pyrovae.nn.bottleneck import Bottleneck
from pyrovae.nn.chain import Chain
from pyrovae.nn.column_features import ColumnFeatures
from pyrovae.nn.conv import ConvDecoder, ConvEncoder
from pyrovae.nn.cosine_sine import CosineSine
from pyrovae.nn.covariates import Covariates
from pyrovae.nn.gated import GatedMLP
from pyrovae.nn.identity import Identity
from pyrovae.nn.initial import Initial, initialize, set_output_bias
from pyrovae.nn.log1p import Log1p
from pyrovae.nn.mlp import MLP
from pyrovae.nn.modes import evaluation_mode
from pyrovae.nn.network import Activation, Network, Shape
from pyrovae.nn.patches import PatchDiscriminator
from pyrovae.nn.positive import positive
from pyrovae.nn.residual import ResidualDecoder, ResidualEncoder
from pyrovae.nn.residual_blocks import BottleneckBlock, ResidualBlock, SelfAttention
from pyrovae.nn.spectral_norm import SpectralNorm
from pyrovae.nn.sum_of_stages import SumOfStages
from pyrovae.nn.widened import Widened

__all__ = [
    "MLP",
    "Activation",
    "Bottleneck",
    "BottleneckBlock",
    "Chain",
    "ColumnFeatures",
    "ConvDecoder",
    "ConvEncoder",
    "CosineSine",
    "Covariates",
    "GatedMLP",
    "Identity",
    "Initial",
    "Log1p",
    "Network",
    "PatchDiscriminator",
    "ResidualBlock",
    "ResidualDecoder",
    "ResidualEncoder",
    "SelfAttention",
    "Shape",
    "SpectralNorm",
    "SumOfStages",
    "Widened",
    "evaluation_mode",
    "initialize",
    "positive",
    "set_output_bias",
]
