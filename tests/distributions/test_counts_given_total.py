from itertools import product

import pyro
import pytest
import torch
from pyro import poutine

from pyrovae.distributions import CountsGivenTotal


@pytest.mark.parametrize("total", [0, 1, 4])
def test_probabilities_sum_to_one_over_the_counts_of_a_total(total):
    p = CountsGivenTotal(torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64))
    counts = [c for c in product(range(total + 1), repeat=3) if sum(c) == total]
    sums = p.log_prob(torch.tensor(counts, dtype=torch.float64)).exp().sum()
    assert sums.item() == pytest.approx(1.0, abs=1e-12)


def test_each_datum_is_pytorchs_multinomial_of_its_total():
    logits, x = torch.randn(5, 4).double(), torch.randint(20, (5, 4)).double()
    together = CountsGivenTotal(logits, total_count=3).log_prob(x)
    for i in range(5):
        alone = torch.distributions.Multinomial(int(x[i].sum()), logits=logits[i])
        torch.testing.assert_close(together[i], alone.log_prob(x[i]))


def test_categories_may_fill_several_dimensions():
    logits, x = torch.randn(5, 2, 3), torch.randint(20, (5, 2, 3)).float()
    p = CountsGivenTotal(logits, event_dim=2)
    assert p.batch_shape == (5,)
    assert p.event_shape == (2, 3)
    assert p.support.event_dim == 2
    assert p.support.is_discrete
    flat = CountsGivenTotal(logits.flatten(1)).log_prob(x.flatten(1))
    torch.testing.assert_close(p.log_prob(x), flat)
    torch.testing.assert_close(p.probs.sum((1, 2)), torch.ones(5))


def test_draws_add_up_and_match_mean_and_variance():
    p = CountsGivenTotal(torch.randn(2, 2, 3).double(), total_count=10, event_dim=2)
    draws = p.sample((20_000,))
    assert draws.shape == (20_000, 2, 2, 3)
    assert (draws.sum((2, 3)) == 10).all()
    error = (p.variance / 20_000).sqrt()
    # Twelve means, each within five standard errors.
    assert ((draws.mean(0) - p.mean).abs() < 5 * error).all()
    # The variance of a sample variance is at most some 3 / n of its square: 5 errors are 6 %.
    torch.testing.assert_close(draws.var(0), p.variance, rtol=0.06, atol=0.0)


@pytest.mark.parametrize("x", [[1.0, 0.5, 2.0], [1.0, -1.0, 2.0], [float("nan"), 1.0, 1.0]])
def test_values_that_are_no_counts_are_refused(x):
    with pytest.raises(ValueError, match="support"):
        CountsGivenTotal(torch.zeros(3), validate_args=True).log_prob(torch.tensor(x))


def test_finite_with_gradients_at_extremes():
    logits = torch.tensor([-1e4, 0.0, 1e4], requires_grad=True)
    x = torch.tensor([[3.0, 0.0, 1e6], [0.0, 0.0, 0.0]])
    log_prob = CountsGivenTotal(logits).log_prob(x)
    log_prob.sum().backward()
    assert log_prob.isfinite().all()
    assert log_prob[1].item() == 0.0
    assert logits.grad.isfinite().all()


def test_an_impossible_category_that_did_not_occur_costs_nothing():
    p = CountsGivenTotal(torch.tensor([0.0, 0.0, -float("inf")]))
    assert p.log_prob(torch.tensor([1.0, 1.0, 0.0])).exp().item() == pytest.approx(0.5)


@pytest.mark.parametrize("total", [-1, 2.5])
def test_a_total_that_is_no_count_is_refused(total):
    with pytest.raises(ValueError, match=f"total_count: .* at least 0, got {total}"):
        CountsGivenTotal(torch.zeros(3), total_count=total)


@pytest.mark.parametrize("event_dim", [0, 3])
def test_events_that_logits_do_not_have_are_refused(event_dim):
    with pytest.raises(ValueError, match=f"event_dim: expected 1 to 2 .* got {event_dim}"):
        CountsGivenTotal(torch.zeros(2, 3), event_dim=event_dim)


def test_it_stays_itself_in_a_plate():
    def program():
        with pyro.plate("data", 5):
            return pyro.sample("x", CountsGivenTotal(torch.zeros(3), total_count=4))

    site = poutine.trace(program).get_trace().nodes["x"]
    assert isinstance(site["fn"], CountsGivenTotal)
    assert site["fn"].batch_shape == (5,)
    assert site["value"].sum(-1).tolist() == [4.0] * 5


def test_counts_are_drawn_with_a_total_for_each_datum():
    p = CountsGivenTotal(torch.randn(3, 2, 2), event_dim=2)
    total = torch.tensor([0, 7, 4000])
    drawn = p.sample_with(total)
    assert drawn.shape == (3, 2, 2)
    assert drawn.sum((1, 2)).tolist() == total.tolist()
    # Six standard deviations of each count.
    apart = (drawn[2] - 4000 * p.probs[2]).abs()
    assert (apart < 6 * (4000 * p.probs[2] * (1 - p.probs[2])).sqrt()).all()
    assert p.sample_with(torch.tensor(3)).sum((1, 2)).tolist() == [3, 3, 3]
