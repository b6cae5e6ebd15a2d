"""The network of the FID."""

import os

import torch
from torch import Tensor, nn

from pyrovae.sample_quality.features import FeatureNetwork

__all__ = ["inception"]

NAME = "inception-v3-compat"
LAYER = "2048"  # after the last pooling


def inception(
    weights: str | os.PathLike[str] | None = None, *, batch_size: int = 50
) -> FeatureNetwork:
    """The Inception network of the FID, with the weights and the resizing of its authors.

    `frechet_distance` in its 2048 features is the FID. It is that of torch-fidelity, which the
    extra ``fid`` installs (``pip install 'pyrovae[fid]'``), and whose numbers are those of the
    authors' own program to several digits. Images are grey or colour with values in [0, 1], and are
    rounded to 8 bits.

    Szegedy et al., 2016, Rethinking the Inception architecture for computer vision,
    https://arxiv.org/abs/1512.00567; Obukhov et al., 2020, torch-fidelity,
    https://github.com/toshas/torch-fidelity.

    Args:
        weights: The file of the weights. If left out, torch-fidelity downloads it once, 91 MB.
        batch_size: Images at a time.

    Raises:
        ValueError: If torch-fidelity is not installed, or the file holds something else than
            weights.
    """
    try:
        import torch_fidelity
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError:
        raise ValueError(
            "inception: expected torch-fidelity to be installed: pip install 'pyrovae[fid]'"
        ) from None
    if weights is not None:
        # torch-fidelity would run code that a file holds; one that reads so holds none.
        try:
            torch.load(weights, weights_only=True, map_location="cpu")
        except OSError:
            raise
        except Exception as error:
            raise ValueError(f"{weights}: expected weights, got a different file") from error
    path = None if weights is None else str(weights)
    extractor = FeatureExtractorInceptionV3(NAME, [LAYER], feature_extractor_weights_path=path)
    version = f"torch-fidelity {torch_fidelity.__version__}"
    if path is not None:
        version += f", {os.path.basename(path)}"
    return FeatureNetwork(_OfImages(extractor), name=NAME, version=version, batch_size=batch_size)


class _OfImages(nn.Module):
    """Takes images as data are, and gives one tensor of features."""

    def __init__(self, extractor: nn.Module) -> None:
        super().__init__()
        self.extractor = extractor

    def forward(self, x: Tensor) -> Tensor:
        """Features ``(n, 2048)`` of images ``(n, channels, height, width)``."""
        if x.dim() != 4 or x.shape[1] not in (1, 3):
            raise ValueError(
                "inception: expected images of 1 or 3 channels, (n, channels, height, width), "
                f"got {tuple(x.shape)}"
            )
        if not ((x >= 0) & (x <= 1)).all():  # NaN are neither
            low, high = x.min().item(), x.max().item()
            raise ValueError(f"inception: expected values in [0, 1], got {low:g} to {high:g}")
        (found,) = self.extractor((x.expand(-1, 3, -1, -1) * 255).round().to(torch.uint8))
        features: Tensor = found
        return features
