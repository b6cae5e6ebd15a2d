"""Every kind of model, exported: what is written is what the model computes, and the rest is named."""

import pytest
import torch
from registry import (
    DATA,
    DRAWN,
    LATENT,
    LIKELIHOODS,
    OF_CODES,
    ONE_WAY,
    POSTERIORS,
    PRIORS,
    data_for,
    fits,
    posterior,
)

from pyrovae import VAE, export
from pyrovae.exporting import PROGRAMS
from pyrovae.exporting.programs import MAKERS, quiet
from pyrovae.exporting.trace import traced
from pyrovae.likelihoods import BernoulliLikelihood, NormalLikelihood
from pyrovae.models import (
    Autoencoder,
    CategoricalVAE,
    ConditionalVAE,
    Density,
    HierarchicalVAE,
    LadderVAE,
    MissingDataVAE,
    MixedVAE,
    SemiSupervisedVAE,
)
from pyrovae.nn import MLP
from pyrovae.posteriors import CategoricalPosterior, NormalPosterior
from pyrovae.priors import CategoricalPrior, NormalPrior

#: The program that a part does not allow, and a word of the reason.
REFUSED = {
    **dict.fromkeys((*ONE_WAY, "IAFPosterior", "RelaxedCategoricalPosterior"), "no mean"),
    "DistributionPrior-StudentT": "_standard_gamma",
    **dict.fromkeys(DRAWN, "no mean"),
}


#: One of each kind; the others take a second or more each, and run in `make proof`.
OFTEN = (
    *("CategoricalPrior", "DistributionPrior-StudentT", "NormalPosterior", "PlanarPosterior"),
    *("BernoulliLikelihood", "ConditionalVAE", "Autoencoder"),
)


def each(names):
    marks = {name: () if name in OFTEN else pytest.mark.proof for name in names}
    return pytest.mark.parametrize("name", [pytest.param(n, marks=m) for n, m in marks.items()])


def net(i, o):
    return MLP(i, [4], o, activation="tanh")


def bernoulli(latents=LATENT):
    return BernoulliLikelihood(net(latents, DATA))


def read(file):
    return torch.export.load(file).module()


def exported(name, model, program, tmp_path, example=None):
    """The program of a part, read from its file; None where the part does not allow it."""
    if name in REFUSED:
        with pytest.raises(
            ValueError, match=f"the {program} cannot be exported: .*{REFUSED[name]}"
        ):
            export(model, tmp_path / "model.pt2", only=[program], example=example)
        assert list(tmp_path.iterdir()) == []
        return None
    made = export(model, tmp_path / "model.pt2", only=[program], example=example)
    return read(made.files[program])


@each(PRIORS)
def test_samplers(name, tmp_path):
    kind = "VectorQuantizedPosterior" if name in OF_CODES else None
    q = POSTERIORS[kind or next(n for n in POSTERIORS if fits(name, n))]()
    sampler = exported(name, VAE(PRIORS[name](q), q, bernoulli()), "sampler", tmp_path)
    if sampler is not None:
        width = next(n for n in sampler.graph.nodes if n.op == "placeholder").meta["val"].shape[1]
        (x,) = sampler(torch.randn(64, width))
        assert x.shape == (64, *DATA)
        assert x.std(0).max() > 0  # other noise, other data


@pytest.mark.proof
def test_a_sampler_of_splines_takes_any_number(monkeypatch):
    """Its thousand operations, which torch takes a minute to write and to read, by themselves."""
    monkeypatch.setattr(torch.export, "export", lambda module, *args, **options: module)
    q = POSTERIORS["NormalPosterior"]()
    model = VAE(PRIORS["FlowPrior-spline"](q), q, bernoulli())
    with quiet(model):
        program = MAKERS["sampler"](model, (torch.rand(3, *DATA),), ["x"])
        noise = torch.randn(5, *program.examples[0].shape[1:])
        (found,) = traced(program)(noise)
        each = [program.run(row)[0] for row in noise.split(1)]
    # Sums in float32, in another order.
    torch.testing.assert_close(found, torch.cat(each), rtol=1e-4, atol=1e-5)


@each(POSTERIORS)
def test_encoders(name, tmp_path):
    q = POSTERIORS[name]()
    model = VAE(PRIORS[next(n for n in PRIORS if fits(n, name))](q), q, bernoulli())
    encoder = exported(name, model, "encoder", tmp_path)
    if encoder is not None:
        x = torch.rand(5, *DATA)
        torch.testing.assert_close(encoder(x)[0], model.encode(x))


@each(LIKELIHOODS)
def test_decoders(name, tmp_path):
    model = VAE(NormalPrior(LATENT), posterior(NormalPosterior), LIKELIHOODS[name]())
    decoder = exported(name, model, "decoder", tmp_path, data_for(name, (3,)))
    if decoder is not None:
        z = torch.randn(5, LATENT)
        torch.testing.assert_close(decoder(z)[0], model.decode(z).mean)


def conditional():
    size = DATA.numel() + 4
    return ConditionalVAE(
        NormalPrior(LATENT),
        NormalPosterior(net(size, 2 * LATENT)),
        bernoulli(LATENT + 4),
        classes=4,
    ), (torch.rand(3, *DATA), torch.tensor([0, 3, 1]))


def semi_supervised():
    q = NormalPosterior(net(DATA.numel() + 4, 2 * LATENT))
    classifier = CategoricalPosterior(net(DATA, 4))
    model = SemiSupervisedVAE(NormalPrior(LATENT), classifier, q, bernoulli(LATENT + 4))
    return model, torch.rand(3, *DATA)


def layers():
    posteriors = [NormalPosterior(net(DATA, 4)), NormalPosterior(net(2, 4))]
    conditional = [NormalPosterior(net(2, 4))]
    model = HierarchicalVAE(
        NormalPrior(2), posteriors, bernoulli(2), conditional_priors=conditional
    )
    return model, torch.rand(3, *DATA)


def ladder():
    posteriors = [NormalPosterior(net(5, 4)), NormalPosterior(net(5, 4))]
    encoders = [net(DATA, 5), net(5, 5)]
    conditional = [NormalPosterior(net(2, 4))]
    model = LadderVAE(
        NormalPrior(2),
        posteriors,
        bernoulli(2),
        conditional_priors=conditional,
        encoders=encoders,
    )
    return model, torch.rand(3, *DATA)


def categorical():
    return CategoricalVAE(net(DATA, 6), bernoulli(6), variables=2, categories=3), torch.rand(
        3, *DATA
    )


def missing():
    x = torch.rand(3, 4)
    model = MissingDataVAE(NormalPrior(2), NormalPosterior(net(8, 4)), NormalLikelihood(net(2, 4)))
    return model, (x, x > 0.4)


def mixed():
    return MixedVAE(
        NormalPrior(LATENT),
        posterior(NormalPosterior),
        CategoricalPrior(4),
        CategoricalPosterior(net(DATA, 4)),
        bernoulli(LATENT + 4),
    ), torch.rand(3, *DATA)


def autoencoder():
    return Autoencoder(net(DATA, LATENT), bernoulli()), torch.rand(3, *DATA)


def density():
    return Density(NormalPrior(LATENT)), torch.randn(3, LATENT)


#: How to make a model with some data, and what it does not allow.
MODELS = {
    "ConditionalVAE": (conditional, set()),
    "SemiSupervisedVAE": (semi_supervised, set()),
    "HierarchicalVAE": (layers, set()),
    "LadderVAE": (ladder, set()),
    "CategoricalVAE": (categorical, set()),
    "MissingDataVAE": (missing, set()),
    "MixedVAE": (mixed, set()),
    "Autoencoder": (autoencoder, {"sampler"}),
    "Density": (density, {"encoder", "decoder", "sampler"}),
}


@each(MODELS)
def test_models(name, tmp_path):
    make, left_out = MODELS[name]
    model, example = make()
    if left_out == set(PROGRAMS):
        with pytest.raises(ValueError, match="nothing of this model can be exported"):
            export(model, tmp_path / "model.pt2", example=example)
        return
    made = export(model, tmp_path / "model.pt2", example=example)
    assert made.left_out.keys() == left_out
    assert made.files.keys() == PROGRAMS.keys() - left_out
    assert all(file.is_file() for file in made.files.values())
