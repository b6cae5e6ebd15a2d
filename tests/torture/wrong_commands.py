"""Further wrong commands, and the files they name: what people and scripts type when they err."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

#: Of commands that look at a model further, or take it elsewhere, by command.
NEWER = {
    "latents": """
        run --out latents.txt
        run --out empty
        run --drawn 0
        run --drawn 1.5
        run --split all
        run --data y.npy
        file
    """,
    "disentangle": """
        run
        run --factors nope.npy
        run --factors x.npy
        run --factors file
        run --factors empty
        run --bins 0
        run --categorical x
        run --out scores.csv
        empty
    """,
    "quality": """
        run
        run --features nope
        run --features empty
        run --features run --weights x.npy
        run --features run --n 0
        run --features run --n 2
        run --features run --out quality.csv
        run --features run --data y.npy
    """,
    "explore": """
        run --port 65536
        run --port -1
        run --port x
        run --no_browser=maybe
        run --no_browser --split nope
        run --no_browser --data nope.npy
        empty --no_browser
    """,
    "export": """
        run --out model.pth
        run --out /proc/model.pt2
        run --out file/model.pt2
        run --only nope
        run --hub_folder file
        run --data nope.npy
        empty
    """,
}

#: By command, what is typed after it.
MORE = {
    "train": """
        --data one.npy --test 0 --validation 0
        --data one_image
        --data x.npy --validation 1e-9
        --data x.npy --test 1e-12
        --data x.npy --validation inf
        --data x.npy --test 39 --validation 1
        --data x.npy --validation 99999999999999999999999
        --data loop.npy
        --data dangling.npy
        --data pipe.npy
        --data folder.npy
        --data /dev/zero
        --data scalar.npy
        --data vector.npy
        --data no_features.npy
        --data complex.npy
        --data dates.npy
        --data cut.npy
        --data labels.npz
        --data sizes
        --data images --image_size 9999999999999
        --data images --num_workers 99999
        --data images --num_workers -1
        --data mnist --pooled --validation 0.1
        --data mnist --root file
        --data celeba --root nowhere
        --data_seed 99999999999999999999999999
        --data_seed 1e400
        --latent_features 0x10
        --latent_features true
        --latent_features 2,3
        --model vae
        --model LatentVariableModel
        --data x.npy --model Density
        --data x.npy --model ConditionalVAE
        --data x.npy --model LadderVAE
        --data x.npy --model CategoricalVAE --model.variables -2 --model.categories 2
        --prior Prior
        --prior {}
        --prior null
        --prior .
        --prior NormalPrior()
        --prior NormalPrior,MixturePrior
        --prior.learned yes
        --data x.npy --prior MixturePrior --prior.components 10000000000
        --data x.npy --prior FlowPrior --prior.hidden []
        --data x.npy --prior DistributionPrior --prior.family Nope
        --data x.npy --prior DistributionPrior --prior.family __class__
        --data x.npy --prior DistributionPrior --prior.family Bernoulli
        --data x.npy --prior UniformSpherePrior
        --data x.npy --posterior PlanarPosterior --posterior.transforms -9
        --data x.npy --posterior HouseholderPosterior --posterior.reflections -9
        --data x.npy --posterior IAFPosterior --posterior.context_features -500
        --data x.npy --posterior LowRankNormalPosterior --posterior.rank 100000000000
        --data x.npy --posterior NormalPrior
        --data x.npy --likelihood DiscretizedLogisticMixtureLikelihood --likelihood.components 0
        --data x.npy --likelihood CategoricalLikelihood --likelihood.categories 1
        --data x.npy --likelihood PoissonLikelihood
        --data x.npy --likelihood NormalLikelihood --likelihood.min_scale -1
        --data x.npy --likelihood StudentTLikelihood --likelihood.df 0
        --encoder.dropout nan
        --encoder.dropout -0.1
        --encoder.hidden [[4]]
        --encoder.hidden [true]
        --encoder torch.nn.Linear
        --data x.npy --encoder ConvEncoder --encoder.channels [3]
        --data x.npy --objective ClassificationELBO
        --data x.npy --objective VectorQuantizedELBO
        --data x.npy --objective TraceTailAdaptive_ELBO
        --data x.npy --objective TotalCorrelationELBO --objective.data_size 3
        --data x.npy --objective ELBO --objective.max_plate_nesting 0 --objective.num_particles 3
        --data x.npy --objective RenyiELBO --objective.max_plate_nesting -5
        --data x.npy --objective BetaELBO --objective.elbo nope
        --data x.npy --objective VIMCO --objective.num_particles 1
        --objective pyro.infer.MCMC
        --objective.beta 2
        --beta none
        --beta.epochs 3
        --beta CyclicalSchedule --beta.rising 2
        --batch_size 99999999999999999999
        --optimizer adam
        --data x.npy --optimizer Adam --optimizer.betas [2,2]
        --data x.npy --optimizer Adam --optimizer.fused true --optimizer.foreach true
        --data x.npy --optimizer RMSprop --optimizer.momentum -1
        --scheduler cosine
        --scheduler_moves step
        --data x.npy --scheduler StepLR --scheduler.step_size -1
        --data x.npy --scheduler StepLR --scheduler.step_size 2 --scheduler.gamma -1
        --data x.npy --scheduler ExponentialLR --scheduler.gamma 1e300
        --data x.npy --scheduler OneCycleLR --scheduler.max_lr -1 --scheduler.total_steps 100
        --data x.npy --scheduler PolynomialLR --scheduler.total_iters -1
        --data x.npy --scheduler ReduceLROnPlateau --scheduler.factor 2
        --data x.npy --scheduler CosineAnnealingWarmRestarts --scheduler.T_0 0
        --device cuda:-1
        --device CPU
        --checkpoint_minutes inf
        --samples 99999999999999999999
        --out x.npy
        --out loop.npy
        --out /dev/null/run
        --out /
        --out .
    """,
    "resume": """
        run --epochs 99999999999999999999
        run --optimizer.lr nan --epochs 5
        run --optimizer SGD --epochs 5
        run --optimizer.class_path os.system --epochs 5
        run --data x.npy --root nowhere --epochs 5
        run --overwrite
        /dev/null
        pipe.npy
        loop.npy
        -- run
    """,
    "evaluate": """
        run/figures
        run --samples 1000000000000000000000
        run --samples 1e3
        run --split Test
        run --seed none
        run --data one.npy
        run --data loop.npy
        run --root /nowhere --data cifar10
        run --download
    """,
    "score": "run --out x.npy/s.csv\nrun --out /dev/null\nrun --out table.csv\nnowhere --out s.csv",
    "anneal": "run --out x.npy/a.csv\nrun --first 1e3\nrun --samples 3\nnowhere --out a.csv",
    "latents": "run --out x.npy/l.csv\nrun --drawn none\nrun --samples 3\nnowhere --out l.csv",
    "disentangle": """
        run --factors vector.npy
        run --factors labels.npz
        run --factors loop.npy
        run --factors dates.npy
        run --categorical 1.5 --factors x.npy
        run --site nope --factors integers.npy
        run --out x.npy/d.json
    """,
    "quality": "run --features file\nrun --features run --draw=1\nrun --features inception --weights one.npy",
    "explore": "run --port 1e3\nrun --out x\n/dev/null --no_browser\nrun --seed 3",
    "export": "run --out x.npy/m.onnx\nrun --only encoder,nope\nrun --hub_folder x.npy\nrun --out m",
    "encode": "run --moments std\nrun --out codes.NPY\nrun --out folder.npy\nrun --out /dev/full",
    "sample": """
        run --n 99999999999999999999999
        run --n 2501
        run --n 3 --n 4
        run --out folder.npy
        run --draw yes
    """,
    "reconstruct": "run --n 0.5\nrun --out file/r.npy\nrun --seed 3\nrun --draw=1",
    "plot": "run --only samples,latents\nrun --only samples.png\nrun --out x.png\nrun --data x.npy",
    "compare": """
        run nowhere
        nowhere run
        run file
        run run/report.json
        run --csv run/report.json
        run --csv table.csv
        --csv t.csv
    """,
    "list": "pyrovae.priors\nos.system\n../x\na b",
    "completion": "BASH\npowershell",
}


def write_files(folder: Path) -> None:
    """Writes the files that are named above and of no use."""
    generator = np.random.default_rng(1)
    arrays = {
        "one": generator.random((1, 6)),
        "scalar": np.float32(3),
        "vector": generator.random(40),
        "no_features": np.zeros((40, 0)),
        "complex": generator.random((40, 6)).astype("complex64"),
        "integers": np.arange(40)[:, None],
        "dates": np.array(["2020-01-01"] * 10, dtype="datetime64[D]"),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    np.savez(folder / "labels.npz", x=generator.random((40, 6)), y=np.arange(39))
    (folder / "cut.npy").write_bytes((folder / "complex.npy").read_bytes()[:300])
    (folder / "loop.npy").symlink_to("loop.npy")
    (folder / "dangling.npy").symlink_to("nowhere.npy")
    os.mkfifo(folder / "pipe.npy")
    for name in ("folder.npy", "table.csv"):
        (folder / name).mkdir()
    for name, sizes in {"images": [8] * 6, "one_image": [8], "sizes": [8, 9]}.items():
        (folder / name).mkdir()
        for i, size in enumerate(sizes):
            pixels = generator.integers(0, 255, (size, 8, 3)).astype("uint8")
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
