"""Every combination in the tables of "Coming from another library" is made, and takes a step."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
import torch
from pyro.infer import ELBO

import pyrovae
from pyrovae.models import Density
from pyrovae.posteriors import Posterior
from pyrovae.priors import Prior

PAGES = Path(__file__).parent.parent / "docs/come_from"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")
PACKAGES = ("adversaries", "codebooks", "likelihoods", "models", "nn", "objectives", "posteriors")
TABLES = {
    "pytorch_vae.md": "| PyTorch-VAE | the parts here |",
    "pythae.md": "| pythae | the parts here |",
    "diffusers.md": "| diffusers | the parts here |",
}


def rows(page, heading):
    """Name and code of each row of a table."""
    after = (PAGES / page).read_text().partition(heading)[2]
    table = after.partition("\n\n")[0].splitlines()[2:]
    for line in table:
        name, code = (cell.strip() for cell in line.replace("\\|", "/").split("|")[1:3])
        yield name, CODE.findall(code)


SAMPLERS = ("pythae.md", "| pythae | the prior here |")
ROWS = [
    pytest.param(page, name, code, id=f"{page}-{name}")
    for page, heading in (*TABLES.items(), SAMPLERS)
    for name, code in rows(page, heading)
    if code
]


@pytest.fixture(scope="module")
def names():
    """What the expressions of a page may name: all public names, and what the page defines."""
    public = dict(vars(pyrovae)) | {name: getattr(pyrovae, name) for name in pyrovae.__all__}
    for package in (*PACKAGES, "priors", "schedules"):
        try:
            module = importlib.import_module(f"pyrovae.{package}")
        except ModuleNotFoundError:
            continue
        public |= {name: getattr(module, name) for name in module.__all__}
    found = {}
    for page in TABLES:
        found[page] = dict(public)
        # The blocks about the tables: the sizes, and what stands below them.
        for code in BLOCK.findall((PAGES / page).read_text()):
            if "decoder(n=shape" in code or "v = VectorQuantizedPosterior" in code:
                exec(code, found[page])  # noqa: S102
    return found


def batch_for(model, x):
    """Images of the model's shape, and labels where it takes them."""
    shape = getattr(model, "data_shape", None)
    if shape is not None and shape != x.shape[1:] and shape != torch.Size([x[0].numel() + 10]):
        x = torch.rand(16, *shape)
    takes = len(inspect.signature(model.model).parameters)
    return (x, torch.arange(len(x)) % 10) if takes == 2 else x


@pytest.mark.parametrize(("page", "name", "code"), ROWS)
def test_a_row_is_what_it_says(page, name, code, names):
    torch.manual_seed(0)
    parts = [eval(text, names[page]) for text in code]
    options = {}
    model = data = None
    for part in parts:
        if isinstance(part, ELBO):
            options["objective"] = part
        elif hasattr(part, "own_loss"):
            options["adversary"] = part
        elif isinstance(part, Prior):
            model = Density(part)
            data = codes_of(part, names[page])
        else:
            assert model is None, code
            model = part
            data = batch_for(model, names[page]["x"])
    assert model is not None, code
    if not any(p.requires_grad for p in model.parameters()):  # nothing to be fitted
        assert model.sample(3).isfinite().all()
        return
    before = [p.detach().clone() for p in model.parameters()]
    history = pyrovae.fit(
        model, data, epochs=1, batch_size=8, compile=False, progress=False, **options
    )
    assert torch.tensor(history[-1]["loss"]).isfinite()
    moved = [not torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True)]
    assert any(moved) or not before


def codes_of(prior, names):
    """Codes that the prior may score."""
    posterior = getattr(prior, "posterior", None)
    with torch.no_grad():
        if isinstance(posterior, Posterior) and posterior.data_shape == names["x"].shape[1:]:
            return posterior(names["x"]).sample()
        return prior().sample((16,))


def test_the_tables_are_of_every_model():
    """As the collections have them: PyTorch-VAE's and pythae's lists of classes."""
    named = {page: " ".join(name for name, _ in rows(page, h)) for page, h in TABLES.items()}
    for model in (
        *("VanillaVAE", "ConditionalVAE", "WAE_MMD", "BetaVAE", "BetaTCVAE", "IWAE", "MIWAE"),
        *("DFCVAE", "MSSIMVAE", "CategoricalVAE", "JointVAE", "InfoVAE", "LogCoshVAE", "SWAE"),
        *("VQVAE", "DIPVAE", "HVAE", "LVAE", "VampVAE", "GammaVAE", "FactorVAE", "TwoStageVAE"),
    ):
        assert f"`{model}`" in named["pytorch_vae.md"], model
    for model in (
        *("AE", "VAE", "BetaVAE", "VAE_LinNF", "VAE_IAF", "DisentangledBetaVAE", "FactorVAE"),
        *("BetaTCVAE", "IWAE", "MIWAE", "PIWAE", "CIWAE", "MSSSIM_VAE", "WAE_MMD", "VAMP"),
        *("INFOVAE_MMD", "SVAE", "PoincareVAE", "Adversarial_AE", "VAEGAN", "VQVAE", "HVAE"),
        *("RAE_L2", "RAE_GP", "RHVAE", "HRQVAE"),
    ):
        assert f"`{model}`" in named["pythae.md"], model
    samplers = " ".join(name for name, _ in rows(*SAMPLERS))
    for sampler in (
        *("NormalSampler", "GaussianMixtureSampler", "TwoStageVAESampler", "VAMPSampler"),
        *("HypersphereUniformSampler", "PoincareDiskSampler", "MAFSampler", "IAFSampler"),
        *("PixelCNNSampler", "RHVAESampler"),
    ):
        assert f"`{sampler}`" in samplers, sampler


@pytest.mark.parametrize(("page", "heading"), [*TABLES.items(), SAMPLERS])
def test_a_row_without_a_counterpart_says_why(page, heading):
    after = (PAGES / page).read_text().partition(heading)[2].partition("\n\n")[0]
    for line in after.splitlines()[2:]:
        _, _, parts, reason, _ = (cell.strip() for cell in line.replace("\\|", "/").split("|"))
        assert CODE.search(parts) or len(reason.split()) > 5, line
