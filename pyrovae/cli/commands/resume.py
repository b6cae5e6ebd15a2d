"""``pyrovae resume``."""

from typing import Annotated

from pyrovae.cli.options import Changes, Typed
from pyrovae.cli.values import Folder, Place, Within

__all__ = ["resume"]


def resume(
    run: Folder,
    *,
    epochs: Annotated[int | None, Within(1, 2**53)] = None,
    optimizer: Annotated[Typed | None, Changes("optimizer")] = None,
    data: str | None = None,
    root: Place = None,
    device: str | None = None,
    quiet: bool = False,
    allow: list[str] | None = None,
) -> None:
    """Continue a run that was interrupted, finish what it lacks, or train it for longer.

    Args:
        run: The run folder.
        epochs: Epochs in all, if not as before.
        optimizer: Other arguments of the run's optimizer, such as --optimizer.lr 1e-4.
        data: File or folder of the data, if it has moved.
        root: Root of the data, if it has moved.
        device: auto, cpu, cuda or mps, if not as before.
        quiet: No progress and no report shown.
        allow: A package whose classes the run may name; give it again for another.
    """
    from pyrovae.cli.training import go_on

    go_on(
        run,
        epochs=epochs,
        optimizer=optimizer,
        data=data,
        root=root,
        device=device,
        quiet=quiet,
        allow=allow or [],
    )
