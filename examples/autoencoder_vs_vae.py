"""Why an autoencoder cannot be sampled from and a VAE can: a figure and numbers.

python examples/autoencoder_vs_vae.py
python examples/autoencoder_vs_vae.py --data mnist --root data --epochs 20
"""

from pathlib import Path

import pyro

from pyrovae import VAE, fit, load_data, plots
from pyrovae.cli import run
from pyrovae.latent_space import Recognizer, completeness, continuity
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import Autoencoder, LatentVariableModel
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


def main(
    data: str = "digits",
    root: str = "data",
    download: bool = False,
    epochs: int = 150,
    hidden: int = 200,
    latents: int = 2,
    seed: int = 0,
    out: str = "runs/autoencoder_vs_vae",
) -> None:
    """Trains both with the same networks on the same images, and compares their latent spaces."""
    images = load_data(data, root=root, download=download)
    shape, layers = images.shape, [hidden, hidden]

    def decoder() -> BernoulliLikelihood:
        return BernoulliLikelihood(MLP(latents, layers, shape))

    pyro.set_rng_seed(seed)
    models: dict[str, LatentVariableModel] = {
        "autoencoder": Autoencoder(MLP(shape, layers, latents), decoder()),
        "VAE": VAE(
            NormalPrior(latents), NormalPosterior(MLP(shape, layers, 2 * latents)), decoder()
        ),
    }
    for model in models.values():
        fit(model, images, epochs=epochs, progress=False)

    (x,) = images.train.take(10_000)
    (held_out,) = images.test.take(1000)
    labels = images.train.labels[: len(x)]
    recognizer = Recognizer(x, labels)
    half = min(100, len(held_out) // 2)
    real = float((recognizer(held_out) >= 0).float().mean())
    print(f"held-out data recognized as a label with confidence: {real:.0%}")
    for name, model in models.items():
        complete = completeness(model, recognizer)
        smooth = continuity(model, held_out[:half], held_out[half : 2 * half])
        print(
            f"{name:11}  decoded draws from N(0, I) recognized: {complete.share:.0%}, "
            f"of {complete.effective_labels:.1f} labels; between data: "
            f"largest step {smooth.largest_step:.2f}, detour {smooth.detour:.2f}"
        )
    if latents != 2:
        return  # there is no plane to draw
    Path(out).mkdir(parents=True, exist_ok=True)
    figure = plots.compare_latent_spaces(
        models, x[:2000], labels[:2000], label_names=images.label_names
    )
    figure.savefig(Path(out) / "latent_spaces.png")
    print(f"figure in {out}")


if __name__ == "__main__":
    run(main)
