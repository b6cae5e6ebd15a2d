"""Sparse matrices: a batch at a time is dense, and the whole never is."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from small_likelihoods import vae_of

from pyrovae import evaluate, fit
from pyrovae.datasets import Data, SparseSplit, as_split, load_data
from pyrovae.datasets.fingerprint import fingerprint
from pyrovae.datasets.sparse.rows import SparseRows, sparse_rows
from pyrovae.evaluation import encode
from pyrovae.likelihoods import PoissonLikelihood

N, D = 23, 4


def counts(n=N, seed=0):
    return np.random.default_rng(seed).poisson(0.7, (n, D))


@pytest.fixture(autouse=True)
def _never_whole(monkeypatch):
    """Nothing of SciPy's or torch's own makes a dense matrix of a sparse one."""

    def refuse(*_):
        raise AssertionError("it was made dense")

    for kind in (sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.coo_matrix):
        monkeypatch.setattr(kind, "toarray", refuse)
        monkeypatch.setattr(kind, "todense", refuse)
    monkeypatch.setattr(torch.Tensor, "to_dense", refuse)


FORMS = {
    "csr": sparse.csr_matrix,
    "csr array": sparse.csr_array,
    "csc": sparse.csc_matrix,
    "coo": sparse.coo_matrix,
    "uint8": lambda x: sparse.csr_matrix(x.astype(np.uint8)),
    "float64": lambda x: sparse.csr_matrix(x.astype(np.float64)),
    "torch": lambda x: torch.from_numpy(x).to_sparse(),
    "torch float64": lambda x: torch.from_numpy(x).double().to_sparse(),
    "torch uint8": lambda x: torch.from_numpy(x.astype(np.uint8)).to_sparse(),
}


@pytest.mark.parametrize("form", FORMS)
def test_batches_are_the_rows(form):
    split = as_split(FORMS[form](counts()))
    assert split.shape == (D,)
    found = torch.cat([x for (x,) in split.batches(5)])
    assert found.dtype == torch.float32
    assert torch.equal(found, torch.from_numpy(counts()).float())
    torch.manual_seed(1)
    shuffled = torch.cat([x for (x,) in split.batches(5, shuffle=True)])
    assert not torch.equal(shuffled, found)
    assert torch.equal(shuffled.sort(0).values, found.sort(0).values)


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_a_compressed_tensor():
    split = as_split(torch.from_numpy(counts()).to_sparse_csr())
    assert torch.equal(split.take(N)[0], torch.from_numpy(counts()).float())


@given(
    st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=1, max_size=6),
    st.data(),
)
def test_any_rows_of_any_matrix(rows, data):
    x = np.array(rows)
    read = sparse_rows(sparse.coo_matrix(x))
    index = torch.tensor(data.draw(st.lists(st.integers(0, len(x) - 1), max_size=5)), dtype=int)
    assert read.dense(index).tolist() == x[index].reshape(-1, 3).tolist()
    taken = read.take(index)
    assert taken.dense(torch.arange(len(index))).tolist() == read.dense(index).tolist()
    assert read.totals().tolist() == x.sum(1).tolist()


def test_a_value_given_twice_is_the_sum():
    twice = sparse.coo_matrix(([1.0, 2.0], ([0, 0], [1, 1])), shape=(1, 3))
    assert sparse_rows(twice).dense(torch.tensor([0])).tolist() == [[0.0, 3.0, 0.0]]


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (sparse.csr_matrix((0, 3)), r"got shape \(0, 3\)"),
        (sparse.csr_matrix(np.array([[np.nan, 1.0]])), "finite values, got 1 NaN"),
        (sparse.csr_matrix(np.array([[1j]])), "real numbers, got dtype complex128"),
        (torch.ones(2, 2, 2).to_sparse(), r"got shape \(2, 2, 2\)"),
        (torch.ones(2, 2).to(torch.complex64).to_sparse(), "real numbers, .* got torch.complex64"),
        (torch.ones(2, 2).to_sparse(1), "each with a row and a column, got .* 1 dense axes"),
        (
            torch.sparse_coo_tensor([[0], [9]], [1.0], (2, 2), check_invariants=False),
            "within the shape",
        ),
    ],
)
def test_what_is_no_sparse_data(x, said):
    with pytest.raises(ValueError, match=said):
        as_split(x)


def test_training_and_evaluation_are_those_of_dense_counts():
    reports = []
    for make in (sparse.csr_matrix, lambda x: x.astype("float32")):
        torch.manual_seed(0)
        vae = vae_of(PoissonLikelihood)
        x = make(counts())
        torch.manual_seed(1)
        fit(vae, x, epochs=2, progress=False)
        report = evaluate(vae, as_split(x), samples=3)
        reports.append((report.elbo, report.log_likelihood, encode(vae, x)))
    assert reports[0][:2] == reports[1][:2]
    assert torch.equal(reports[0][2], reports[1][2])


def test_what_goes_with_the_rows():
    y = np.arange(N, dtype=np.float32)[:, None]
    split = as_split((sparse.csr_matrix(counts()), y), fields=2)
    for x, rows in split.batches(5, shuffle=True):
        assert torch.equal(x, torch.from_numpy(counts())[rows.flatten().long()].float())
    with pytest.raises(ValueError, match=r"with 23 rows each, as x has, got \[2\]"):
        SparseSplit(sparse.csr_matrix(counts()), y[:2])
    data = Data(train=(sparse.csr_matrix(counts()), y))
    assert len(Data.of(data, fields=1).train.take(2)) == 1
    labelled = SparseSplit(sparse.csr_matrix(counts()), labels=torch.arange(N)).with_labels()
    assert labelled.take(3)[1].tolist() == [0, 1, 2]
    one, other = (fingerprint(Data(train=sparse.csr_matrix(counts(seed=s)))) for s in (0, 1))
    assert one != other


def test_a_file_of_scipys(tmp_path):
    path = tmp_path / "counts.npz"
    sparse.save_npz(path, sparse.csr_matrix(counts()))
    data = load_data(str(path))
    assert isinstance(data.train, SparseSplit)
    assert sum(map(len, (data.train, data.validation, data.test))) == N
    sparse.save_npz(path, sparse.csc_matrix(counts()))
    with pytest.raises(ValueError, match="by rows, got .*csc.*: save x.tocsr"):
        load_data(str(path))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"indices": np.array([0, 9])}, "columns from 0 to 2 .* got 0 to 9"),
        ({"indices": np.array([0])}, "expected rows that fit a sparse matrix"),
        ({"indptr": np.array([0, 3, 2])}, "expected rows that fit a sparse matrix"),
        ({"indptr": np.array([0, 2])}, "expected rows that fit a sparse matrix"),
        ({"indptr": np.array([0, -(2**63), 2])}, "expected rows that fit a sparse matrix"),
        ({"indptr": np.array([0, 2**63 - 1, 2])}, "expected rows that fit a sparse matrix"),
        ({"indptr": np.array([0, 2**64 - 1, 2], np.uint64)}, "expected rows that fit a sparse"),
        ({"indptr": np.array(3)}, "expected rows that fit a sparse matrix"),
        ({"indptr": np.array([0, 0.5, 2])}, "starts .* as integers along one axis, got .*float"),
        ({"indptr": np.array([[0, 1, 2]])}, r"starts .* along one axis, got .*shape \(1, 3\)"),
        (
            {"indices": np.array([0, 1j])},
            "indices: expected .* real numbers, got dtype complex128",
        ),
        ({"indices": np.array([[0], [1]])}, r"columns .* along one axis, got .*shape \(2, 1\)"),
        (
            {"indices": np.array([True, False])},
            "columns .* as integers along one axis, got .*bool",
        ),
        ({"indices": np.array(["2020", "2021"], "M8[Y]")}, "indices: .* got dtype datetime64"),
        ({"shape": np.array([2])}, "two numbers for shape"),
        ({"shape": np.array([2.0, 3.0])}, r"matrix of \(N, features\), got shape \(2.0, 3.0\)"),
        ({"shape": np.array([2, -3])}, r"matrix of \(N, features\), got shape \(2, -3\)"),
        ({"shape": np.array([2, 2**40])}, "at most 268435456 columns, .* got 1099511627776"),
        ({"data": np.array([1.0, np.inf])}, "finite values"),
        ({"data": np.array([1.0, 1j])}, "data: expected .* real numbers, got dtype complex128"),
        ({"data": np.array([[1.0], [2.0]])}, r"values .* along one axis, got .*shape \(2, 1\)"),
    ],
)
def test_broken_files(changes, said, tmp_path):
    parts = {
        "format": np.array("csr"),
        "indptr": np.array([0, 1, 2]),
        "indices": np.array([0, 1]),
        "data": np.array([1.0, 2.0]),
        "shape": np.array([2, 3]),
    }
    np.savez(tmp_path / "x.npz", **(parts | changes))
    with pytest.raises(ValueError, match=said) as error:
        load_data(str(tmp_path / "x.npz"), validation=0, test=0)
    assert str(error.value).startswith(f"{tmp_path / 'x.npz'}: ")
    assert "\n" not in str(error.value)


def test_a_matrix_of_zeros(tmp_path):
    sparse.save_npz(tmp_path / "x.npz", sparse.csr_matrix((4, 3)))
    data = load_data(str(tmp_path / "x.npz"), validation=0, test=0)
    assert data.train.take(4)[0].tolist() == [[0.0] * 3] * 4


def test_rows_are_rows():
    rows = sparse_rows(sparse.csr_matrix(counts()))
    assert isinstance(rows, SparseRows)
    assert sparse_rows(rows) is rows
