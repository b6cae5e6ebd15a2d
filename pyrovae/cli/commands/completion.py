"""``pyrovae completion``."""

from typing import Literal

from pyrovae.cli.saying import say

__all__ = ["completion"]


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print a script that completes commands, options and names as they are typed.

    Args:
        shell: bash, zsh or fish. For bash: eval "$(pyrovae completion bash)"; for zsh the same
            with zsh; for fish: pyrovae completion fish | source.
    """
    from pyrovae.cli.completion import script

    say(script(shell))
