"""Labels as one-hot vectors, and what is no label."""

import pytest
import torch

from pyrovae.labels import check_labels, one_hot


def test_one_hot_vectors_and_zeros_without_a_label():
    vectors = one_hot(torch.tensor([[2, 0], [-1, 1]]), 3)
    assert vectors.tolist() == [[[0, 0, 1], [1, 0, 0]], [[0, 0, 0], [0, 1, 0]]]
    assert vectors.dtype == torch.get_default_dtype()


@pytest.mark.parametrize("label", [3, -2, 100])
def test_what_is_no_label_shows_in_whatever_is_computed_with_it(label):
    vectors = one_hot(torch.tensor([0, label]), 3)
    assert vectors[0].tolist() == [1, 0, 0]
    assert vectors[1].isnan().all()


def test_labels_that_fit():
    check_labels(torch.tensor([0, 2]), 2, 3)
    check_labels(torch.tensor([-1, 2], dtype=torch.uint8).to(torch.int8), 2, 3, unlabelled=True)


@pytest.mark.parametrize(
    ("y", "unlabelled", "said"),
    [
        ([0, 3], False, "expected labels from 0 to 2, got 0 to 3"),
        ([-1, 2], False, "expected labels from 0 to 2, got -1 to 2"),
        ([-2, 2], True, "from 0 to 2, or -1 where there is none, got -2 to 2"),
        ([0, 1, 2], False, r"integers of shape \(2,\), .* got torch.int64 of shape \(3,\)"),
        ([[0], [1]], False, r"got torch.int64 of shape \(2, 1\)"),
        ([0.0, 1.0], False, "got torch.float32"),
        ([True, False], False, "got torch.bool"),
    ],
)
def test_labels_that_do_not(y, unlabelled, said):
    with pytest.raises(ValueError, match=said):
        check_labels(torch.tensor(y), 2, 3, unlabelled=unlabelled)
