"""Questions to a trained model and its data, answered as plain values that a page can show."""

from pyrovae.explorer.explorer import Explorer

__all__ = ["Explorer"]
