"""Deep hierarchies: of maps at several resolutions, and of vectors."""

from pyrovae.hierarchy.maps import DeepHierarchicalVAE
from pyrovae.hierarchy.vectors import DenseHierarchicalVAE

__all__ = ["DeepHierarchicalVAE", "DenseHierarchicalVAE"]
