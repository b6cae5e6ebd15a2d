"""What is saved is what is there: parts and numbers that were replaced after a model was made."""

import subprocess
import sys
import textwrap

import pytest
import torch
from registry import LIKELIHOODS, NETWORKS, OF_CODES, POSTERIORS, PRIORS
from tiny import binary_data, same, state, tiny_vae
from torch import nn

from pyrovae import checkpoint, evaluate, fit, load, save
from pyrovae.likelihoods import LaplaceLikelihood, NormalLikelihood
from pyrovae.nn import MLP, Chain
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import MixturePrior, VampPrior

PARTS = {**NETWORKS, **LIKELIHOODS, **POSTERIORS}
PARTS |= {
    name: lambda make=make, name=name: make(
        POSTERIORS["VectorQuantizedPosterior" if name in OF_CODES else "NormalPosterior"]()
    )
    for name, make in PRIORS.items()
}


@pytest.mark.parametrize("name", PARTS)
def test_what_was_never_touched_is_described_as_it_was_made(name):
    part = PARTS[name]()
    (*_, entry) = checkpoint.describe(part)
    assert set(entry["init_args"]) == set(part.init_args)


def test_a_part_that_was_replaced_is_saved_as_the_new_one(tmp_path):
    path = tmp_path / "model.pt"
    vae = tiny_vae(normal=True)
    vae.likelihood = LaplaceLikelihood(MLP(2, [], 4), scale=0.5)
    vae.prior = MixturePrior(2, components=3)
    vae.posterior.network = MLP(4, [5], 4)
    data = torch.rand(20, 4)
    fit(vae, data, epochs=1, progress=False)
    save(vae, path)
    loaded = load(path)
    assert [type(part) for part in loaded.children()] == [type(part) for part in vae.children()]
    assert same(state(loaded), state(vae))
    assert evaluate(loaded, data, samples=5) == evaluate(vae, data, samples=5)


def test_a_part_that_two_share_is_replaced_in_one_place_alone(tmp_path):
    vae = tiny_vae(vamp=True)
    vae.posterior = NormalPosterior(MLP(4, [2], 4))
    save(vae, tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt")
    assert loaded.prior.posterior is not loaded.posterior
    assert same(state(loaded), state(vae))
    vae.prior = VampPrior(vae.posterior, pseudo_inputs=torch.rand(3, 4))
    save(vae, tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt")
    assert loaded.prior.posterior is loaded.posterior


def test_a_part_in_a_list_that_was_replaced(tmp_path):
    chain = Chain([MLP(4, [], 3), MLP(3, [], 2)])
    chain.networks[1] = MLP(3, [7], 2)
    save(chain, tmp_path / "chain.pt")
    x = torch.ones(2, 4)
    assert load(tmp_path / "chain.pt")(x).equal(chain(x))


def test_a_number_that_was_changed_is_saved_as_it_is_now(tmp_path):
    vae = tiny_vae(normal=True)
    assert isinstance(vae.likelihood, NormalLikelihood)
    vae.likelihood.min_scale = 0.25
    save(vae, tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt")
    assert loaded.likelihood.min_scale == 0.25
    x = binary_data()
    torch.manual_seed(0)
    expected = vae.likelihood(torch.zeros(12, 2)).log_prob(x)
    assert loaded.likelihood(torch.zeros(12, 2)).log_prob(x).equal(expected)


def other_activation(vae):
    vae.posterior.network.layers[1] = nn.Tanh()


def more_dropout(vae):
    vae.posterior.network.layers[1] = nn.Dropout(0.5)


def one_more_layer(vae):
    vae.posterior.network.layers.append(nn.Softplus())


def a_wider_layer(vae):
    vae.posterior.network.layers[0] = nn.Linear(4, 8)
    vae.posterior.network.layers[2] = nn.Linear(8, 4)


def a_hook(vae):
    vae.posterior.network.register_forward_hook(lambda *_: None)


def a_normalised_weight(vae):
    nn.utils.parametrizations.weight_norm(vae.posterior.network.layers[0])


def a_buffer(vae):
    vae.prior.register_buffer("more", torch.zeros(2))


def a_wrapped_part(vae):
    vae.posterior.network = Chain([vae.posterior.network])


@pytest.mark.parametrize(
    "change",
    [
        other_activation,
        more_dropout,
        one_more_layer,
        a_wider_layer,
        a_hook,
        a_normalised_weight,
        a_buffer,
        a_wrapped_part,
    ],
    ids=lambda change: change.__name__,
)
def test_what_no_argument_gives_is_refused_by_name(change, tmp_path):
    vae = tiny_vae()
    change(vae)
    place = "prior.more" if change is a_buffer else r"posterior\.network"
    with pytest.raises(ValueError, match=rf"{place}.* cannot be recorded.*load\(path, model="):
        save(vae, tmp_path / "model.pt")
    assert not (tmp_path / "model.pt").exists()
    # Training goes on all the same, and its checkpoint says that it does not know the model.
    with pytest.warns(UserWarning, match="will not record how its model is built"):
        fit(vae, binary_data(), epochs=1, progress=False, checkpoint=tmp_path / "c.pt")
    with pytest.raises(ValueError, match=r"load\(path, model="):
        load(tmp_path / "c.pt")


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", PARTS)
def test_a_part_in_another_precision_is_described_as_it_was_made(name, dtype):
    part = PARTS[name]()
    before = checkpoint.describe(part)
    assert checkpoint.describe(part.to(dtype)) == before


def test_the_precision_of_weights_comes_back(tmp_path):
    vae = tiny_vae(vamp=True).double()
    save(vae, tmp_path / "model.pt")
    assert same(state(load(tmp_path / "model.pt")), state(vae))


def test_a_class_of_the_running_script_is_refused(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        from pyrovae import save
        from pyrovae.priors import NormalPrior

        class MyPrior(NormalPrior):
            pass

        save(MyPrior(2), "prior.pt")
        """)
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "MyPrior cannot be recorded: it is defined in the script" in done.stderr
    assert not (tmp_path / "prior.pt").exists()
