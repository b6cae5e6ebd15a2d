"""The programs that are kept for a module, when several threads ask for them."""

import torch

from pyrovae.compilation.kept import Keeping, Kept


def test_what_another_thread_has_dropped_is_dropped_without_an_error():
    class Always:
        def is_as(self, other):
            return True

    keeping = Keeping(owner=torch.nn.Linear(1, 1), what="a sum")
    kept = Kept(Always(), sum, [], {})
    kept.drop(keeping)  # nothing is kept for the owner yet
    kept.keep(keeping)
    assert Kept.find(keeping, Always(), {}) is kept
    kept.drop(keeping)
    kept.drop(keeping)
    assert Kept.find(keeping, Always(), {}) is None
