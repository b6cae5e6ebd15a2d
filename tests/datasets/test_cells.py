"""Counts of cells, their covariates, and files that hold none."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import sparse

from pyrovae.cli.main import main
from pyrovae.datasets import load_cells, load_data

N, D = 23, 4


def counts(n=N, seed=0):
    return np.random.default_rng(seed).poisson(0.7, (n, D))


def cells(n=N, seed=0, batches=("a", "b")):
    random = np.random.default_rng(seed)
    x = counts(n, seed) + np.eye(D, dtype=int)[random.integers(D, size=n)]
    obs = {
        "batch": random.choice(batches, n),
        "age": random.normal(40, 10, n),
        "type": random.choice(["T", "B"], n),
    }
    return SimpleNamespace(X=sparse.csr_matrix(x), obs=obs, obsm={}, layers={"raw": x})


def test_covariates_of_cells():
    found = cells()
    data = load_cells(
        found,
        categories=["batch"],
        numbers=["age"],
        offset=True,
        labels="type",
        validation=0,
        test=0,
    )
    x, y = data.train.take(N)
    assert torch.equal(x, torch.from_numpy(found.layers["raw"]).float())
    assert y[:, 0].tolist() == [float(b == "b") for b in found.obs["batch"]]
    torch.testing.assert_close(y[:, 1], torch.from_numpy(found.obs["age"]).float())
    logs = np.log(found.layers["raw"].sum(1))
    torch.testing.assert_close(y[:, 2], torch.from_numpy(logs - logs.mean()).float())
    assert data.record["categories"] == {"batch": ["a", "b"]}
    assert data.label_names == ("B", "T")
    # Later cells are read as the first were: a new batch comes behind, the mean stays.
    later = load_cells(
        cells(seed=1, batches=("0", "b")),
        categories=["batch"],
        offset=True,
        validation=0,
        test=0,
        like=data.record,
    )
    assert later.record["categories"] == {"batch": ["a", "b", "0"]}
    assert later.record["offset_mean"] == data.record["offset_mean"]
    assert set(later.train.take(N)[1][:, 0].tolist()) == {1.0, 2.0}


def test_a_dense_layer_of_bytes_is_counts():
    found = cells()
    found.layers["raw"] = found.layers["raw"].astype(np.uint8)
    data = load_cells(found, layer="raw", validation=0, test=0)
    assert torch.equal(data.train.take(N)[0], torch.from_numpy(found.layers["raw"]).float())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layer": "odd"}, r"layer: expected one of \['raw'\], got 'odd'"),
        ({"categories": ["odd"]}, "obs: expected one of its columns .* got 'odd'"),
        ({"numbers": ["type"]}, "obs: expected numbers in 'type'"),
        ({"numbers": ["gap"]}, "expected a value for each cell in 'gap'"),
        ({"offset": True, "layer": "empty"}, "counts in each cell, but 23 cells have none"),
    ],
)
def test_what_cells_do_not_have(options, said):
    found = cells()
    found.obs["gap"] = np.full(N, np.nan)
    if options.get("layer") == "empty":
        found.layers["empty"] = np.zeros((N, D))
    with pytest.raises(ValueError, match=said):
        load_cells(found, **options)


class NotKnown:
    """As pandas.NA is: whether it equals anything is not known."""

    def __ne__(self, other):
        return self

    __hash__ = None

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")


@pytest.mark.parametrize("use", ["categories", "numbers", "labels"])
@pytest.mark.parametrize(
    "missing",
    [None, float("nan"), np.float16("nan"), np.float32("nan"), np.datetime64("NaT"), NotKnown()],
)
def test_no_value_may_be_missing(use, missing):
    found = cells()
    found.obs["age"] = np.array([*found.obs["age"][:-1], missing], dtype=object)
    with pytest.raises(ValueError, match="a value for each cell in 'age', but some are missing"):
        load_cells(found, **{use: "age" if use == "labels" else ["age"]})


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (np.full(N, np.inf), "finite numbers in 'odd', got values such as inf in 23 cells"),
        (np.full(N, 1e300), "finite numbers in 'odd', got values such as 1e.300 "),
        (np.full(N, 1j), "expected numbers in 'odd'"),
        (np.full(N, 1j, dtype=object), "expected numbers in 'odd'"),
        (np.full(N, np.datetime64("2020", "ns")), "expected numbers in 'odd'"),
        (np.full(N, np.datetime64("NaT", "ns")), "for each cell in 'odd', but some are missing"),
        (np.ma.masked_less(np.arange(N), 3), "for each cell in 'odd', but some are missing"),
        (np.full(N, 10**400, dtype=object), "expected numbers in 'odd'"),
        (np.zeros(N - 1), r"each of 23 cells in 'odd', got shape \(22,\)"),
        (np.zeros((N, 1)), r"each of 23 cells in 'odd', got shape \(23, 1\)"),
    ],
)
def test_what_are_no_numbers_of_cells(column, said):
    found = cells()
    found.obs["odd"] = column
    with pytest.raises(ValueError, match=said):
        load_cells(found, numbers=["odd"])


def broken_files(path):
    """Writes files that are named as cells' are and hold none, one after the other."""
    anndata, h5py = pytest.importorskip("anndata"), pytest.importorskip("h5py")
    path.write_bytes(b"")
    yield
    path.write_text("no cells")
    yield
    anndata.AnnData(sparse.csr_matrix(counts()).astype("float32")).write_h5ad(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    yield
    for part in ("X/indices", "X/indptr", "X", "obs"):
        path.write_bytes(whole)
        with h5py.File(path, "r+") as file:
            del file[part]
        yield
    for part, values in {"indices": 99, "indptr": -3, "data": np.nan}.items():
        path.write_bytes(whole)
        with h5py.File(path, "r+") as file:
            file[f"X/{part}"][1] = values
        yield
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        del file["X"]
        file["X"] = "text"
    yield
    path.unlink()
    h5py.File(path, "w").close()
    yield
    path.unlink()
    path.mkdir()
    yield


def test_broken_files_of_cells(tmp_path):
    path = tmp_path / "cells.h5ad"
    for _ in broken_files(path):
        with pytest.raises(ValueError, match=".") as error:
            load_data(str(path))
        said = str(error.value)
        assert said.startswith(f"{path}: ")
        assert "\n" not in said


@pytest.mark.parametrize(
    "error", [AttributeError("no\nencoding"), IndexError(), RuntimeError("r"), OSError("o")]
)
def test_whatever_goes_wrong_with_a_file_is_said_in_a_line(error, tmp_path, monkeypatch):
    def read_h5ad(path):
        raise error

    monkeypatch.setitem(sys.modules, "anndata", SimpleNamespace(read_h5ad=read_h5ad))
    (tmp_path / "cells.h5ad").write_bytes(b"")
    reason = (str(error).splitlines() or ["IndexError"])[0]
    with pytest.raises(ValueError, match="expected a .h5ad file, but ") as said:
        load_data(str(tmp_path / "cells.h5ad"))
    assert str(said.value).endswith(f"but {reason}")
    assert "\n" not in str(said.value)


def test_codes_go_back_into_the_file(tmp_path):
    anndata = pytest.importorskip("anndata")
    found = cells(60)
    obs = {name: column for name, column in found.obs.items() if name != "age"}
    import pandas as pd

    index = [f"cell {i}" for i in range(60)]
    anndata.AnnData(found.X.astype("float32"), obs=pd.DataFrame(obs, index=index)).write_h5ad(
        tmp_path / "cells.h5ad"
    )
    run = ["--latent_features", "2", "--epochs", "1", "--samples", "2", "--quiet"]
    counted = ["--data", str(tmp_path / "cells.h5ad"), "--likelihood", "PoissonLikelihood"]
    assert main(["train", *counted, *run, "--out", str(tmp_path / "run")]) == 0
    out = str(tmp_path / "coded.h5ad")
    assert main(["encode", str(tmp_path / "run"), *counted[:2], "--out", out]) == 0
    assert anndata.read_h5ad(out).obsm["X_pyrovae"].shape == (60, 2)


def test_a_file_of_cells_without_anndata_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "anndata", None)
    (tmp_path / "cells.h5ad").write_bytes(b"")
    with pytest.raises(ValueError, match=r"pip install 'pyrovae\[cells\]'"):
        load_data(str(tmp_path / "cells.h5ad"))
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_data(str(tmp_path / "none.h5ad"))
