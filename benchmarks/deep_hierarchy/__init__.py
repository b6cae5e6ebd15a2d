"""Deep hierarchies of residual networks, by protocols."""
