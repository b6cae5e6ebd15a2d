"""That a program is not compiled, and why."""

__all__ = ["NotCompiled", "reason_of"]


class NotCompiled(RuntimeError):
    """A program could not be compiled, or not to the same numbers; the message says why."""


def reason_of(error: Exception) -> str:
    """What an error says of a program, in one line."""
    if "get value out of a tracing tensor" in str(error):
        return "its control flow depends on the values of tensors (an .item() or a condition)"
    if "No working C++ compiler" in str(error) or "InvalidCxxCompiler" in type(error).__name__:
        return "there is no C++ compiler on this machine"
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}".strip()
