"""The categorical that is sure of its labels."""

import pyro.distributions as dist
import pytest
import torch
from torch.distributions import kl_divergence

from pyrovae.distributions import LabelledCategorical
from pyrovae.scope import without_validation

LOGITS = torch.tensor([[0.1, 1.0, -2.0], [0.5, 0.0, 0.3], [2.0, -1.0, 0.0]], dtype=torch.float64)
LABELS = torch.tensor([-1, 2, 0])


def test_unlabelled_data_have_the_categorical_and_labelled_ones_a_point_mass():
    q = LabelledCategorical(LOGITS, LABELS)
    assert q.batch_shape == (3,)
    assert q.event_shape == (3,)
    expected = torch.stack([LOGITS[0].softmax(-1), torch.eye(3).double()[2], torch.eye(3)[0]])
    torch.testing.assert_close(q.probs, expected)
    assert torch.equal(q.mean[1:], expected[1:])
    draws = q.sample((200,))
    assert torch.equal(draws[:, 1:], expected[1:].expand(200, 2, 3))
    assert len(draws[:, 0].unique(dim=0)) > 1


def test_densities_are_exact_and_finite():
    q = LabelledCategorical(LOGITS, LABELS)
    values = q.enumerate_support(expand=False)
    log_prob = q.log_prob(values)
    assert log_prob.isfinite().all()
    torch.testing.assert_close(log_prob[:, 0], LOGITS[0].log_softmax(-1))
    assert log_prob.exp()[:, 1:].T.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert log_prob[2, 1] == log_prob[0, 2] == 0
    # Its entropy and divergence, too: no NaN from zero times a logarithm of zero.
    torch.testing.assert_close(q.entropy()[1:], torch.zeros(2).double())
    p = dist.OneHotCategorical(logits=torch.zeros(3).double())
    torch.testing.assert_close(kl_divergence(q, p)[1:], torch.full((2,), 3.0).double().log())


def test_label_log_prob_is_that_of_the_logits():
    logits = LOGITS.clone().requires_grad_()
    q = LabelledCategorical(logits, LABELS)
    expected = torch.stack(
        [torch.zeros(()).double(), logits[1].log_softmax(-1)[2], logits[2].log_softmax(-1)[0]]
    )
    torch.testing.assert_close(q.label_log_prob, expected)
    for a, b in [(q.label_log_prob, expected), (q.log_prob(q.sample()), None)]:
        (found,) = torch.autograd.grad(a.sum(), logits, retain_graph=True)
        if b is None:  # a point mass has no parameters
            assert found[0].any()
            assert not found[1:].any()
        else:
            (other,) = torch.autograd.grad(b.sum(), logits, retain_graph=True)
            torch.testing.assert_close(found, other)


def test_a_larger_batch():
    q = LabelledCategorical(LOGITS, LABELS).expand((4, 3))
    assert isinstance(q, LabelledCategorical)
    assert q.sample().shape == (4, 3, 3)
    assert q.label_log_prob.shape == (4, 3)
    assert q.log_prob(q.sample()).shape == (4, 3)


def test_a_label_that_is_no_class_shows():
    with pytest.raises(ValueError, match="from 0 to 2, or -1 where there is none, got 0 to 3"):
        LabelledCategorical(LOGITS, torch.tensor([0, 3, 1]))
    with without_validation():
        q = LabelledCategorical(LOGITS, torch.tensor([0, -2, 1]))
    assert q.probs[1].isnan().all()
    assert q.label_log_prob.isnan().tolist() == [False, True, False]
