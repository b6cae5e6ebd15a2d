from math import exp, log

import pytest
import torch
from torch.distributions import Independent, Normal

from pyrovae.latent_space import Completeness, Recognizer, completeness

CENTRES = torch.tensor([[0.0, 0.0], [5.0, 0.0]])


def clusters(n=40):
    """Two clouds that lie well apart, labels 0 and 1."""
    noise = 0.3 * torch.randn(n, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(n) % 2
    return CENTRES[labels] + noise, labels


class Plane:
    """The sign of z1 decides what is decoded."""

    latent_shape = torch.Size([2])

    def __init__(self, *, left, right):
        self.left, self.right = torch.tensor(left), torch.tensor(right)

    def decode(self, z):
        mean = torch.where(z[:, :1] > 0, self.right, self.left)
        return Independent(Normal(mean, 1.0), 1)


def test_real_data_are_recognized_and_others_are_not():
    x, labels = clusters()
    recognizer = Recognizer(x, labels, within=1.0)
    assert torch.equal(recognizer(x), labels)
    # All neighbours of the second point agree, but it is far from each of them.
    strange = torch.tensor([[2.5, 0.0], [50.0, 0.0], [5.0, 0.1]])
    assert recognizer(strange).tolist() == [-1, -1, 1]


def test_neighbours_that_disagree_do_not_recognize():
    x, _ = clusters()
    mixed = torch.arange(len(x)) // 2 % 2  # both labels in each cloud
    assert (Recognizer(x, mixed)(x) == -1).all()


def test_the_share_of_agreeing_neighbours_has_to_reach_the_confidence():
    x = torch.arange(10.0)[:, None]
    labels = torch.tensor([0] * 9 + [1])
    options = {"neighbours": 10 - 1, "within": 1.0}
    # The nine nearest of 9 are 9 itself and eight others: a share of 8/9.
    at = torch.tensor([[9.0]])
    assert Recognizer(x, labels, confidence=8 / 9, **options)(at).tolist() == [0]
    assert Recognizer(x, labels, confidence=0.9, **options)(at).tolist() == [-1]


def test_near_is_a_quantile_of_distances_between_data():
    x = torch.tensor([0.0, 1.0, 2.0, 3.0, 13.0])[:, None]
    recognizer = Recognizer(x, torch.zeros(5).long(), neighbours=2, within=0.75)
    assert recognizer.radius == 1.0
    assert recognizer(torch.tensor([[-1.0], [-1.1], [13.0]])).tolist() == [0, -1, 0]


def test_each_half_of_the_plane_counts():
    recognizer = Recognizer(*clusters())
    z = torch.randn(500, 2, generator=torch.Generator().manual_seed(3))
    right = float((z[:, 0] > 0).double().mean())
    whole = completeness(Plane(left=[0.0, 0.0], right=[5.0, 0.0]), recognizer, samples=500, seed=3)
    assert whole.share == 1
    assert whole.by_label == pytest.approx({0: 1 - right, 1: right})
    entropy = -right * log(right) - (1 - right) * log(1 - right)
    assert whole.effective_labels == pytest.approx(exp(entropy))
    half = completeness(Plane(left=[0.0, 90.0], right=[5.0, 0.0]), recognizer, samples=500, seed=3)
    assert half.share == pytest.approx(right)
    assert half.by_label == pytest.approx({0: 0.0, 1: right})
    assert half.effective_labels == pytest.approx(1)


def test_nothing_recognized_reaches_no_label():
    assert Completeness(share=0.0, by_label={0: 0.0, 1: 0.0}).effective_labels == 0


def test_the_callers_random_numbers_stay():
    recognizer = Recognizer(*clusters())
    before = torch.get_rng_state()
    completeness(Plane(left=[0.0, 0.0], right=[0.0, 0.0]), recognizer, samples=10)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": torch.zeros(3).long()}, "labels: expected 40 integers"),
        ({"labels": torch.zeros(40)}, "labels: expected 40 integers .* got torch.float32"),
        ({"labels": torch.full((40,), -1)}, "that are not negative"),
        ({"neighbours": 40}, "neighbours: expected from 1 to less than .* 40, got 40"),
        ({"confidence": 0.5}, "confidence: expected above 0.5 and up to 1, got 0.5"),
        ({"within": 0}, "within: expected above 0 and up to 1, got 0"),
    ],
)
def test_wrong_arguments(options, said):
    x, labels = clusters()
    with pytest.raises(ValueError, match=said):
        Recognizer(**{"x": x, "labels": labels, **options})


def test_a_model_without_a_declared_latent_is_asked_for():
    class Unknown(Plane):
        latent_shape = None

    model, recognizer = Unknown(left=[0.0, 0.0], right=[0.0, 0.0]), Recognizer(*clusters())
    with pytest.raises(ValueError, match="latent_shape: expected a model with one latent"):
        completeness(model, recognizer)
    assert completeness(model, recognizer, latent_shape=(2,), samples=5).share == 1
