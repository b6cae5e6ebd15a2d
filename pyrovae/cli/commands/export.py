"""``pyrovae export``."""

from typing import Literal

from pyrovae.cli.values import Folder, Place

__all__ = ["export"]


def export(
    run: Folder,
    *,
    out: Place = None,
    only: list[Literal["encoder", "decoder", "sampler"]] | None = None,
    hub_folder: Place = None,
    data: str | None = None,
    root: Place = None,
    averaged: bool = False,
    allow: list[str] | None = None,
) -> None:
    """Write a run's model for use elsewhere: as programs without Pyro, or as a folder for a hub.

    Args:
        run: The run folder.
        out: A name that ends in .pt2 (PyTorch) or .onnx; each program has a file of its own, such
            as model.encoder.onnx. model.pt2 in the run folder, if neither this nor a folder is given.
        only: encoder, decoder or sampler; give it again for another. All that can be exported, if
            left out.
        hub_folder: A folder for weights as safetensors, how the model is made, and a model card;
            pyrovae.load reads it.
        data: File or folder of the data, if it has moved.
        root: Root of the data, if it has moved.
        averaged: Take the moving average of the weights that train --average kept.
        allow: A package whose classes the run may name; give it again for another.
    """
    from pathlib import Path

    from pyrovae.checkpoint import check_folder, save_folder
    from pyrovae.cli.errors import UsageError
    from pyrovae.cli.markdown_card import markdown_card
    from pyrovae.cli.runs import Run
    from pyrovae.cli.saying import say
    from pyrovae.exporting import export as export_model

    if out is not None and Path(out).suffix not in (".pt2", ".onnx"):
        raise UsageError("--out", "a file name that ends in .pt2 or .onnx", out)
    if only and hub_folder is not None and out is None:
        raise UsageError("--out", "a file name for the programs that --only names")
    if hub_folder is not None:
        check_folder(hub_folder)
    opened = Run(run, allow=allow or (), data=data, root=root)
    card = None if hub_folder is None else markdown_card(opened, averaged=averaged)
    model = opened.model("cpu", averaged=averaged)
    if hub_folder is not None and card is not None:
        for file in save_folder(model, hub_folder, card=card):
            say(str(file))
    if out is None and hub_folder is not None:
        return
    path = out or str(opened.folder / "model.pt2")
    made = export_model(model, path, example=opened.split().take(3), only=only)
    for name, found in made.files.items():
        say(f"{found}: {', '.join(made.inputs[name])} -> {', '.join(made.outputs[name])}")
    for name, reason in made.left_out.items():
        say(f"not exported: the {name}: {reason}")
