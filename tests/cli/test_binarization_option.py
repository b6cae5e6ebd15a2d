"""Images under a Bernoulli likelihood are binarized unless another protocol is asked for."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from command_line import quick

from pyrovae.cli import main
from pyrovae.cli.settings import choose_binarization


def report_of(run):
    return json.loads((Path(run) / "report.json").read_text())


def test_grey_digits_are_binarized_at_each_draw_and_the_report_is_a_likelihood(in_tmp, capsys):
    options = [*quick(epochs=1)]
    options.remove("--quiet")
    assert main(["train", *options, "--out", "run"]) == 0
    said = capsys.readouterr().out
    assert "binarization dynamic" in said
    assert "cross-entropy" not in said
    report = report_of("run")
    assert report["binarization"] == "dynamic"
    assert report["is_density"]
    assert report["bits_per_dim"] > 0
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert config["binarization"] == "dynamic"
    # What the run is made of stays so.
    assert main(["resume", "run", "--epochs", "2", "--quiet"]) == 0
    assert report_of("run")["binarization"] == "dynamic"


def test_grey_levels_are_kept_where_they_are_asked_for(in_tmp, capsys):
    options = [*quick(epochs=1), "--binarization", "none", "--out", "run"]
    options.remove("--quiet")
    assert main(["train", *options]) == 0
    assert "cross-entropy" in capsys.readouterr().out
    assert not report_of("run")["is_density"]


def settings(likelihood, data="digits", binarization="auto"):
    spec = likelihood and {"class_path": likelihood, "init_args": {}}
    return {"binarization": binarization, "data": data, "likelihood": spec}


BERNOULLI = "pyrovae.likelihoods.BernoulliLikelihood"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (settings(BERNOULLI), "dynamic"),
        (settings(BERNOULLI, "celeba"), "dynamic"),
        (settings(BERNOULLI, "pictures"), "dynamic"),
        (settings(BERNOULLI, "x.npy"), "none"),
        (settings(BERNOULLI, binarization="none"), "none"),
        (settings(BERNOULLI, binarization="static"), "static"),
        (settings("pyrovae.likelihoods.NormalLikelihood"), "none"),
        (settings("pyrovae.likelihoods.ContinuousBernoulliLikelihood"), "none"),
        (settings("my_bits.Bits"), "dynamic"),
        (settings(None), "none"),
    ],
)
def test_the_protocol_is_chosen_by_data_and_likelihood(in_tmp, monkeypatch, given, expected):
    monkeypatch.syspath_prepend(in_tmp)
    Path("my_bits.py").write_text(
        "from pyrovae.likelihoods import BernoulliLikelihood\n\n"
        "class Bits(BernoulliLikelihood):\n    pass\n"
    )
    Path("pictures").mkdir()
    np.save("x.npy", np.zeros((2, 3)))
    choose_binarization(given, allow=["my_bits"])
    assert given["binarization"] == expected
