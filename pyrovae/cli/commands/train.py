"""``pyrovae train``."""

from typing import Annotated, Literal

from pyrovae.cli.options import InSlot, OptionsFile, Spec, TypedOnly
from pyrovae.cli.values import SEEDS, Count, Folder, Pairs, PathLike, Place, Seed, Within

__all__ = ["GROUPS", "OFTEN", "train"]


def _usual(class_path: str, **init_args: object) -> Spec:
    return {"class_path": class_path, "init_args": init_args}


VAE = _usual("pyrovae.models.VAE")
NORMAL_PRIOR = _usual("pyrovae.priors.NormalPrior")
NORMAL = _usual("pyrovae.posteriors.NormalPosterior")
BERNOULLI = _usual("pyrovae.likelihoods.BernoulliLikelihood")
DENSE = _usual("pyrovae.nn.MLP", hidden=[400])
ELBO = _usual("pyrovae.objectives.ELBO")
ADAM = _usual("torch.optim.Adam", lr=1e-3, fused=True)
GAME = _usual("torch.optim.Adam", lr=1e-4, betas=[0.5, 0.9])


def train(
    *,
    data: str = "digits",
    root: Folder = "data",
    download: bool = False,
    binarization: Literal["auto", "none", "threshold", "static", "dynamic"] = "auto",
    validation: Annotated[int | float | None, Within(0)] = None,
    test: Annotated[int | float | None, Within(0)] = None,
    pooled: bool = False,
    image_size: Annotated[int | None, Within(1)] = None,
    data_seed: Seed = 0,
    num_workers: Annotated[int, Within(0, 1000)] = 0,
    columns: Annotated[dict[str, str] | None, Pairs()] = None,
    signals: bool = False,
    latent_features: Annotated[int | list[int], Within(1, 2**53)] = 20,
    model: Annotated[Spec | None, InSlot("model", VAE)] = None,
    prior: Annotated[Spec | None, InSlot("prior", NORMAL_PRIOR)] = None,
    posterior: Annotated[Spec | None, InSlot("posterior", NORMAL)] = None,
    likelihood: Annotated[Spec | None, InSlot("likelihood", BERNOULLI)] = None,
    encoder: Annotated[Spec | None, InSlot("encoder", DENSE)] = None,
    decoder: Annotated[Spec | None, InSlot("decoder", DENSE)] = None,
    begin_at_mean: bool = False,
    objective: Annotated[Spec | None, InSlot("objective", ELBO)] = None,
    adversary: Annotated[Spec | None, InSlot("adversary")] = None,
    discriminator: Annotated[Spec | None, InSlot("discriminator", DENSE)] = None,
    adversary_optimizer: Annotated[Spec | None, InSlot("adversary_optimizer", GAME)] = None,
    beta: Annotated[float | Spec, InSlot("beta"), Within(0)] = 1.0,
    epochs: Count = 100,
    batch_size: Count = 128,
    optimizer: Annotated[Spec | None, InSlot("optimizer", ADAM)] = None,
    scheduler: Annotated[Spec | None, InSlot("scheduler")] = None,
    scheduler_moves: Literal["epoch", "step"] = "epoch",
    compile: bool | Literal["auto"] = "auto",
    precision: Literal["float32", "bf16"] = "float32",
    patience: Annotated[int | None, Within(1)] = None,
    clip_norm: float | None = None,
    skip_norm: float | None = None,
    accumulate: Count = 1,
    drop_last: bool = False,
    average: Annotated[float | None, Within(0)] = None,
    seed: Annotated[int | None, SEEDS] = 0,
    device: str = "auto",
    checkpoint_minutes: float | None = 10.0,
    checkpoint_steps: Annotated[int | None, Within(1)] = None,
    samples: Count = 100,
    out: Place = None,
    overwrite: Annotated[bool, TypedOnly()] = False,
    quiet: bool = False,
    config: Annotated[str | None, PathLike(), OptionsFile()] = None,
    print_config: Annotated[bool, TypedOnly()] = False,
    allow: Annotated[list[str] | None, TypedOnly()] = None,
) -> None:
    """Train a model and leave a run folder with checkpoint, history, report and figures.

    Args:
        data: Which data. A name: digits (1797 small images that need no download), sprites (6144
            images of known factors), mnist, fashion-mnist, kmnist, cifar10 or celeba. Or a path:
            a NumPy file (.npy, or .npz with "x" and perhaps labels "y"), a folder of images, or a
            table (.csv, .parquet), whose model and likelihood are MissingDataVAE and
            ColumnsLikelihood if left out.
        root: The folder that holds the files of named data, or that gets them with download.
        download: Download the files of named data if they are not in root.
        binarization: How grey levels become zeros and ones. auto: dynamic for images (by name,
            or of a folder) under a Bernoulli likelihood, which has no density of grey levels;
            else none. none: they stay grey. threshold: above one half is one. static: drawn
            once. dynamic: drawn anew each time.
        validation: How much of the data is kept aside to choose by: a whole number of data or a
            fraction; 0 is none. If left out: 5000 of the published training images, one tenth of
            digits, files and folders.
        test: How much of the data is kept aside to report on, likewise. Published test images
            are used where there are some.
        pooled: Train on all data, published test images included. Only to repeat tutorials that
            do so: no honest number can be reported then.
        image_size: Height and width to which images of celeba and of folders are resized.
        data_seed: Seed of the division of the data, and of static binarization.
        num_workers: Processes that read images in the background.
        columns: What columns of a table hold, where it is not to be guessed, such as
            age=count,income=positive,size=small<medium<large,notes=ignore. The kinds are real,
            positive, count, binary, categorical and ordinal.
        signals: Read an array of three axes as signals, (N, channels, length), and not as images.
        latent_features: Number of latent variables, or the shape of a map, such as [4, 7, 7].
        model: The model.
        prior: The prior p(z).
        posterior: The posterior q(z|x).
        likelihood: The likelihood p(x|z).
        encoder: The network from data to the posterior's parameters.
        decoder: The likelihood's network, from latents.
        begin_at_mean: Begin with the mean of the training data as that of a Bernoulli
            likelihood: the bias of its network's last layer is set so.
        objective: What to maximise: a bound of pyrovae or of Pyro.
        adversary: What to train the model against in the same steps. What it sharpens bounds nothing.
        discriminator: The adversary's network, from codes or data.
        adversary_optimizer: Its optimizer, of torch.
        beta: Weight on the KL term: a number, or a schedule over epochs, which multiplies the
            weight of a BetaELBO. Reported bounds never contain it.
        epochs: Number of passes over the training data.
        batch_size: Data in one step.
        optimizer: The optimizer, of torch.
        scheduler: A learning-rate scheduler, of torch.
        scheduler_moves: Whether the scheduler moves on after each epoch or after each step.
        compile: Whether to compile the step. auto: where the run would take a minute and more.
        precision: bf16 rounds the factors of matrix products to bfloat16.
        patience: Stop after this many epochs without improvement on the validation data, and
            go back to the best weights; if omitted, never.
        clip_norm: Largest norm of the gradient of the mean over a batch. No limit, if left out.
        skip_norm: Norm of that gradient, in nats per datum, above which a step moves nothing. No
            step is left out, if this is.
        accumulate: Parts in which a batch is processed, so that the memory of a part does.
        drop_last: Leave out an epoch's batch that is smaller than the others.
        average: Decay of a moving average of the weights, such as 0.999, for validation and for
            --averaged. None is kept, if left out.
        seed: Seed of all random numbers of training. none: another run each time.
        device: auto (CUDA where there is one, else the CPU), cpu, cuda or mps.
        checkpoint_minutes: Minutes after which a checkpoint is written within an epoch. none:
            only after each epoch.
        checkpoint_steps: Steps after which one is written within an epoch.
        samples: Draws S for each datum in the report's log-likelihood.
        out: Run folder. If left out: a new one in runs/.
        overwrite: Replace the run that is in the folder already.
        quiet: No progress and no report shown.
        config: A file with these options (YAML), which what is typed overrides. The config.yaml
            of a run repeats it.
        print_config: Print all options as such a file, and do nothing else.
        allow: A package whose classes the file may name; give it again for another.
    """
    options = dict(locals())  # the arguments: nothing else is there yet

    from pyrovae.cli.training import begin

    begin(options)


#: The options in groups, as the help shows them.
GROUPS = {
    "Data": "data root download binarization validation test pooled image_size data_seed "
    "num_workers columns signals",
    "Model": "latent_features model prior posterior likelihood encoder decoder",
    "Training": "begin_at_mean objective adversary discriminator adversary_optimizer beta epochs "
    "batch_size optimizer scheduler scheduler_moves compile precision patience clip_norm skip_norm "
    "accumulate drop_last average seed device",
    "Run": "checkpoint_minutes checkpoint_steps samples out overwrite quiet config print_config allow",
}

#: Those that people use most: what ``--help`` shows without ``all``.
OFTEN = (
    "data root download binarization columns latent_features model prior posterior likelihood encoder "
    "decoder objective beta epochs batch_size optimizer patience out config"
)
