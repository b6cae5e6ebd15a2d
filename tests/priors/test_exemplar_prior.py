import pyro.distributions as dist
import pytest
import torch
from torch.nn.functional import softplus

from pyrovae import VAE, load, save
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import IAFPosterior, NormalPosterior, PowerSphericalPosterior
from pyrovae.priors import ExemplarPrior

DATA = (2, 3)


def images(n=10):
    return torch.rand(n, *DATA, generator=torch.Generator().manual_seed(1))


def make(**options):
    return NormalPosterior(MLP(DATA, [5], 4, **options))


def model(n=10, **options):
    posterior = make()
    prior = ExemplarPrior(posterior, exemplars=images(n), **options)
    return VAE(prior, posterior, BernoulliLikelihood(MLP(2, [], DATA)))


def test_density_is_the_mean_of_normals_around_the_encodings():
    posterior, x, z = make(), images(), torch.randn(7, 2)
    prior = ExemplarPrior(posterior, exemplars=x)
    with torch.no_grad():
        prior.raw_scale.fill_(1.3)
    scale = softplus(torch.tensor(1.3)) + 1e-6
    each = dist.Normal(posterior(x).mean, scale).log_prob(z.unsqueeze(1)).sum(-1).exp()
    torch.testing.assert_close(prior().log_prob(z), each.mean(1).log())


def test_training_takes_new_exemplars_each_time_and_evaluation_all():
    posterior, x = make(), images(50)
    prior = ExemplarPrior(posterior, exemplars=x, components=5)
    means = posterior(x).mean
    seen = set()
    for _ in range(100):
        mean = prior().component_distribution.mean
        near = (mean.unsqueeze(1) - means).abs().sum(-1).min(-1)
        assert (near.values < 1e-6).all()
        assert len(set(near.indices.tolist())) == 5
        seen |= set(near.indices.tolist())
    assert len(seen) == 50  # one is left out of 100 draws with a chance of 0.9^100
    prior.eval()
    torch.testing.assert_close(prior().component_distribution.mean, means)


def test_more_components_than_exemplars_are_all():
    prior = ExemplarPrior(make(), exemplars=images(4), components=500)
    assert len(prior().component_distribution.mean) == 4


def test_posterior_and_scale_learn_and_the_exemplars_do_not():
    prior = ExemplarPrior(make(), exemplars=images())
    prior().log_prob(torch.randn(3, 2)).sum().backward()
    assert all(p.grad.any() for p in prior.parameters())
    assert prior.exemplars.grad is None
    assert "exemplars" not in dict(prior.named_parameters())


def test_dropout_does_not_make_the_prior_random():
    prior = ExemplarPrior(make(dropout=0.5), exemplars=images())
    z = torch.randn(3, 2)
    assert torch.equal(prior().log_prob(z), prior().log_prob(z))


def test_a_checkpoint_holds_no_exemplars(tmp_path):
    paths = [tmp_path / f"{n}.pt" for n in (10, 20_000)]
    for path, n in zip(paths, (10, 20_000), strict=True):
        vae = model(n)
        assert not any("exemplars" in name for name in vae.state_dict())
        save(vae, path)
    few, many = (path.stat().st_size for path in paths)
    assert many - few < 100  # 480,000 bytes of data
    content = torch.load(paths[1], weights_only=True)
    assert all(tensor.numel() < 1000 for tensor in content["state_dict"].values())


def test_a_loaded_prior_asks_for_its_exemplars_and_takes_them(tmp_path):
    vae, x = model().eval(), images()
    save(vae, tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt")
    with pytest.raises(RuntimeError, match=r"not saved with the model.*set_data\(x\)"):
        loaded.sample(3)
    # What needs no prior works.
    assert torch.equal(loaded.encode(x), vae.encode(x))
    loaded.prior.set_data(x)
    z = torch.randn(5, 2)
    assert torch.equal(loaded.prior().log_prob(z), vae.prior().log_prob(z))
    # It can be saved and loaded again.
    save(loaded, tmp_path / "again.pt")
    again = load(tmp_path / "again.pt")
    again.prior.set_data(x)
    assert torch.equal(again.prior().log_prob(z), vae.prior().log_prob(z))


def test_other_data_than_those_of_training_are_refused(tmp_path):
    save(model(), tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt")
    for x in (images() + 1, images().flip(0), images(9)):
        with pytest.raises(ValueError, match="exemplars: expected the data the prior was trained"):
            loaded.prior.set_data(x)
    with pytest.raises(RuntimeError, match="set_data"):
        loaded.prior()


def test_loading_into_a_model_that_has_its_exemplars(tmp_path):
    vae = model().eval()
    save(vae, tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt", model=model())
    z = torch.randn(5, 2)
    assert torch.equal(loaded.prior().log_prob(z), vae.prior().log_prob(z))
    # Into one that has others: it says so rather than be another prior.
    other = VAE(
        ExemplarPrior(q := make(), exemplars=images() / 2),
        q,
        BernoulliLikelihood(MLP(2, [], DATA)),
    )
    with pytest.raises(RuntimeError, match="set_data"):
        load(tmp_path / "model.pt", model=other).prior()


def test_exemplars_of_another_dtype_are_the_same(tmp_path):
    vae = model().double()
    save(vae, tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt").double()
    loaded.prior.set_data(images())
    assert loaded.prior.exemplars.dtype == torch.float64
    assert loaded.sample(2).dtype == torch.float64


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda: ExemplarPrior(make(), exemplars=torch.zeros(3, 6)), r"\(2, 3\), got \(6,\)"),
        (lambda: ExemplarPrior(make(), exemplars=torch.zeros(0, 2, 3)), "one exemplar.* and 0"),
        (lambda: ExemplarPrior(make(), exemplars=images(), components=0), "got 0 and 10"),
        (
            lambda: ExemplarPrior(IAFPosterior(MLP(DATA, [], 20)), exemplars=images()),
            "needs the posterior's mean, but IAFPosterior has none in closed form",
        ),
        (
            lambda: ExemplarPrior(PowerSphericalPosterior(MLP(DATA, [], 3)), exemplars=images()),
            "mixture of normals, but the latents of PowerSphericalPosterior .* 'sphere'",
        ),
    ],
)
def test_wrong_arguments_are_named(make_it, message):
    with pytest.raises(ValueError, match=message):
        make_it()
