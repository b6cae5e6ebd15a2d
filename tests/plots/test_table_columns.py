"""The columns of a table beside those that a model makes up."""

import numpy as np
import pytest
import torch
from tables import KINDS, people

from pyrovae.datasets import load_data
from pyrovae.plots import table_columns

DATA = load_data(people(200, gaps=0.2), validation=0, test=0)
X, MASK = DATA.train.tensors


def test_a_panel_for_each_column_with_the_shares_of_both():
    drawn = X[MASK.all(1)]
    figure = table_columns(X, drawn, DATA.columns, mask=MASK)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [*KINDS]
    for i, axes in enumerate(figure.axes):
        if DATA.columns[i].levels is None:
            data, model = (patch.get_data().values for patch in axes.patches)
        else:
            data, model = ([bar.get_height() for bar in bars] for bars in axes.containers)
            share = torch.bincount(X[MASK[:, i], i].long()) / MASK[:, i].sum()
            np.testing.assert_allclose(data, share, rtol=1e-6)
        assert sum(data) == pytest.approx(1)
        assert sum(model) == pytest.approx(1)


def test_what_lies_beyond_the_data_counts_at_its_end():
    far = X.clone()
    far[:, :3] = torch.tensor([1e9, 1e-9, 1e6])
    for axes in table_columns(X, far, DATA.columns, mask=MASK).axes[:3]:
        assert axes.patches[1].get_data().values.max() == 1


def test_rows_of_another_table_are_refused():
    with pytest.raises(ValueError, match=r"drawn: expected shape \(n, 6\), .* got \(200, 5\)"):
        table_columns(X, X[:, :5], DATA.columns)
