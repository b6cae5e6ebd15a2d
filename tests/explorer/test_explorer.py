"""An explorer answers for every kind of model and data, and says what one does not allow."""

import io
import json
import math

import pytest
import torch
from PIL import Image
from registry import DATA, LATENT

from pyrovae import VAE
from pyrovae.datasets import Data, TensorSplit
from pyrovae.explorer import Explorer
from pyrovae.latent_space import circular, hyperbolic
from pyrovae.likelihoods import BernoulliLikelihood, NormalLikelihood
from pyrovae.models import (
    Autoencoder,
    CategoricalVAE,
    ConditionalVAE,
    Density,
    HierarchicalVAE,
    MixedVAE,
)
from pyrovae.nn import MLP
from pyrovae.posteriors import (
    CategoricalPosterior,
    GammaPosterior,
    NormalPosterior,
    PowerSphericalPosterior,
    VectorQuantizedPosterior,
    VonMisesPosterior,
    WrappedNormalPosterior,
)
from pyrovae.priors import (
    CategoricalCodePrior,
    CategoricalPrior,
    GammaPrior,
    NormalPrior,
    UniformSpherePrior,
    VonMisesPrior,
    WrappedNormalPrior,
)

N = 20


def net(i, o):
    return MLP(i, [4], o)


def bernoulli(latents=LATENT, shape=DATA):
    return BernoulliLikelihood(net(latents, shape))


def normal_vae(shape=DATA, likelihood=bernoulli):
    q = NormalPosterior(net(shape, 2 * LATENT))
    return VAE(NormalPrior(LATENT), q, likelihood(LATENT, shape))


def images(*, labels=True):
    return Data(
        TensorSplit(torch.rand(N, *DATA).round(), labels=torch.arange(N) % 4 if labels else None)
    )


def sphere():
    q = PowerSphericalPosterior(net(DATA, LATENT + 1))
    return VAE(UniformSpherePrior(LATENT), q, bernoulli())


def codes():
    q = VectorQuantizedPosterior(net(DATA, 4), codes=5, code_features=2)
    return VAE(CategoricalCodePrior(q), q, bernoulli(4))


def layers():
    q = [NormalPosterior(net(DATA, 4)), NormalPosterior(net(2, 4))]
    conditional = [NormalPosterior(net(2, 4))]
    return HierarchicalVAE(NormalPrior(2), q, bernoulli(2), conditional_priors=conditional)


def mixed():
    q = NormalPosterior(net(DATA, 2 * LATENT))
    c = CategoricalPosterior(net(DATA, 4))
    return MixedVAE(NormalPrior(LATENT), q, CategoricalPrior(4), c, bernoulli(LATENT + 4))


def conditional():
    size = DATA.numel() + 4
    q = NormalPosterior(net(size, 2 * LATENT))
    return ConditionalVAE(NormalPrior(LATENT), q, bernoulli(LATENT + 4), classes=4)


def of_parts(prior, posterior):
    q = posterior(net(DATA, posterior.network_shape(LATENT)))
    return VAE(prior(LATENT), q, bernoulli())


MODELS = {
    "normal": normal_vae,
    "sphere": sphere,
    "ball": lambda: of_parts(WrappedNormalPrior, WrappedNormalPosterior),
    "circles": lambda: of_parts(VonMisesPrior, VonMisesPosterior),
    "amounts": lambda: of_parts(GammaPrior, GammaPosterior),
    "codes": codes,
    "categories": lambda: CategoricalVAE(net(DATA, 6), bernoulli(6), variables=2, categories=3),
    "layers": layers,
    "mixed": mixed,
    "conditional": conditional,
    "autoencoder": lambda: Autoencoder(net(DATA, LATENT), bernoulli()),
}


def start(about):
    return {site["name"]: site["start"] for site in about["sites"]}


def png(mode="L", size=(20, 24), colour=255):
    content = io.BytesIO()
    Image.new(mode, size, colour).save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize("name", MODELS)
def test_every_question_of_every_model(name):
    data = images().with_labels() if name == "conditional" else images()
    explorer = Explorer(MODELS[name](), data)
    about = explorer.about()
    answers = [
        about,
        explorer.decode(start(about)),
        explorer.encode(3),
        explorer.draw(png()),
        *(explorer.path(0, 1, kind=kind, steps=3) for kind in about["paths"]),
        explorer.path(0, 1, steps=3),
        explorer.thumbnails([0, 1]),
        *(explorer.plane(site["name"]) for site in about["sites"]),
    ]
    json.dumps(answers, allow_nan=False)  # plain values, all of them finite
    decoded, encoded = answers[1]["data"]["x"], answers[2]
    assert (decoded["kind"], decoded["width"], decoded["height"]) == ("image", 5, 6)
    assert encoded["label"] == "3"
    assert ("elbo" in encoded["numbers"]) == (encoded["undefined"] is None)
    if name == "autoencoder":
        with pytest.raises(ValueError, match="no prior"):
            explorer.sample(2)
        assert any("no prior" in note for note in about["notes"])
    else:
        assert len(explorer.sample(2, seed=1)) == 2


def test_what_is_decoded_is_what_the_model_decodes():
    model = normal_vae()
    explorer = Explorer(model, images())
    z = torch.randn(1, LATENT)
    shown = explorer.decode({"z": z[0].tolist()})
    expected = explorer.looks["x"].shown(model.decode(z).mean[0])
    assert shown["data"]["x"] == expected
    code = explorer.encode(0)["knobs"]["z"]
    torch.testing.assert_close(torch.tensor([code]), model.encode(explorer.x[:1]))


def test_points_stay_in_the_plane_they_are_dragged_in():
    explorer = Explorer(normal_vae(), images())
    plane = explorer.plane("z")
    directions = torch.tensor(plane["directions"])
    torch.testing.assert_close(directions @ directions.T, torch.eye(2))
    codes, centre = explorer.survey.means["z"], torch.tensor(plane["centre"])
    torch.testing.assert_close(
        (codes - centre) @ directions.T, torch.tensor(plane["points"]), atol=1e-3, rtol=0
    )
    assert explorer.plane("z", [2, 0])["directions"] == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


def test_knobs_keep_to_where_the_latent_is():
    explorer = Explorer(sphere(), images())
    (z,) = explorer.decode({"z": [3.0, 0.0, 4.0]})["knobs"].values()
    assert z == pytest.approx([0.6, 0.0, 0.8])
    explorer = Explorer(codes(), images())
    assert explorer.decode({"z": [7.2, 0.6]})["knobs"] == {"z": [4.0, 1.0]}


def test_amounts_and_angles_keep_to_what_they_range_over():
    amounts, angles = (
        Explorer(MODELS["amounts"](), images()),
        Explorer(MODELS["circles"](), images()),
    )
    (z,) = amounts.decode({"z": [-1.0, 0.5, 2.0]})["knobs"].values()
    assert 0 < z[0] < 1e-3
    assert z[1:] == [0.5, 2.0]
    assert (amounts.survey.ranges["z"] > 0).all()
    turn = torch.tensor([-math.pi, math.pi]).expand(LATENT, 2)
    torch.testing.assert_close(angles.survey.ranges["z"], turn)


@pytest.mark.parametrize(
    ("name", "kinds", "points"),
    [("circles", ["circular"], circular), ("ball", ["hyperbolic"], hyperbolic)],
)
def test_paths_keep_to_the_range_of_the_latents(name, kinds, points):
    explorer = Explorer(MODELS[name](), images())
    assert explorer.about()["paths"] == kinds
    with pytest.raises(ValueError, match=f"expected a path among {kinds[0]}, of"):
        explorer.path(0, 1, kind="straight")
    codes = explorer.survey.means["z"]
    expected = points(codes[:1], codes[1:2], torch.linspace(0, 1, 5))[0]
    found = torch.tensor([step["knobs"]["z"] for step in explorer.path(0, 1, steps=5)])
    torch.testing.assert_close(found, expected)


def test_lower_layers_follow_and_latents_side_by_side_do_not():
    model = layers()
    explorer = Explorer(model, images())
    position = {"z1": [9.0, 9.0], "z2": [0.5, -0.5]}
    assert explorer.decode(position)["knobs"]["z1"] == [9.0, 9.0]
    followed = explorer.decode(position, moved="z2")["knobs"]
    expected = model.conditional_priors[0](torch.tensor([position["z2"]])).mean
    torch.testing.assert_close(torch.tensor([followed["z1"]]), expected.detach())
    assert followed["z2"] == position["z2"]
    assert Explorer(mixed(), images()).survey.followers == {"z": [], "c": []}


@pytest.mark.parametrize(
    ("shape", "kind"), [((8,), "bars"), ((80,), "line"), ((2, 40), "line"), ((1, 4, 4), "image")]
)
def test_data_are_shown_by_their_shape(shape, kind):
    data = Data(TensorSplit(torch.randn(N, *shape)))
    explorer = Explorer(normal_vae(shape, lambda z, s: NormalLikelihood(net(z, s))), data)
    about = explorer.about()
    assert explorer.decode(start(about))["data"]["x"]["kind"] == about["kind"] == kind
    assert any("no labels" in note for note in about["notes"])
    if kind != "image":
        with pytest.raises(ValueError, match="not images"):
            explorer.draw(png())


def test_a_drawing_is_a_datum_of_the_models():
    explorer = Explorer(normal_vae(), images())  # of zeros and ones
    white = explorer.draw(png())
    black = explorer.draw(png(), invert=True)
    for answer, value in ((white, 1.0), (black, 0.0)):
        expected = explorer.looks["x"].shown(torch.full(DATA, value))
        assert answer["datum"] == expected
    assert white["numbers"]["elbo"] <= white["numbers"]["log_likelihood"] + 0.1


@pytest.mark.parametrize(
    "content",
    [b"", b"no image", png()[:40], b"GIF89a" + bytes(20), b"%PDF-1.4", b"\x80\x04cos\nsystem\n."],
)
def test_what_is_no_image_is_refused(content):
    with pytest.raises(ValueError, match="expected an image"):
        Explorer(normal_vae(), images()).draw(content)


def test_a_model_without_latents_is_refused():
    with pytest.raises(ValueError, match="has no latents to explore"):
        Explorer(Density(NormalPrior(4)), Data(TensorSplit(torch.randn(N, 4))))


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (lambda e: e.encode(N), "expected a datum"),
        (lambda e: e.encode(-1), "expected a datum"),
        (lambda e: e.decode({"z": [0.0]}), "expected 3 knobs"),
        (lambda e: e.decode({"y": [0.0] * 3}), "expected knobs of z"),
        (lambda e: e.decode({"z": [float("nan")] * 3}), "finite"),
        (lambda e: e.plane("z", [0, 9]), "two knobs"),
        (lambda e: e.plane("u"), "expected a latent"),
        (lambda e: e.path(0, 1, kind="winding"), "expected a path"),
        (lambda e: e.path(0, 1, steps=10**9), "expected a path"),
        (lambda e: e.sample(10**9), "samples"),
        (lambda e: e.thumbnails(range(1000)), "at most"),
    ],
)
def test_questions_without_an_answer(question, message):
    with pytest.raises(ValueError, match=message):
        question(Explorer(normal_vae(), images()))


def test_exploring_leaves_no_trace():
    model, data = normal_vae(), images()
    before = torch.get_rng_state()
    explorer = Explorer(model, data)
    explorer.encode(0), explorer.sample(3), explorer.path(0, 1)
    assert torch.equal(torch.get_rng_state(), before)
