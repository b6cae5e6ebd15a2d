"""What a model is asked for and does not have."""

__all__ = ["Undefined"]


class Undefined(ValueError):
    """A model was asked for what it does not have, such as samples where it has no prior."""
