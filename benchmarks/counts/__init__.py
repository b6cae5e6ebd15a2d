"""How well models of counts explain cells that are made up by a known model."""
