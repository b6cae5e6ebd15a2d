"""The page of a run and that of several: all there is to say of them, and nothing that runs."""

import copy
import json
import shutil
from pathlib import Path

import pytest
from command_line import FIGURES, forge
from page_reader import check_page

from pyrovae.checkpoint import digest, read, write
from pyrovae.cli import main, training
from pyrovae.cli.pages import run as pages
from pyrovae.cli.pages.run import run_page
from pyrovae.cli.runs import Run


def page_of(folder):
    return check_page((folder / "report.html").read_text(encoding="utf-8"))


def change(folder, **values):
    """Changes what a run's report says, as somebody else could."""
    report = json.loads((folder / "report.json").read_text())
    for path, value in values.items():
        *places, last = path.split("__")
        inner = report
        for place in places:
            inner = inner[place]
        inner[last] = value
    (folder / "report.json").write_text(json.dumps(report))


def test_every_run_ends_in_a_page(trained):
    page, report = page_of(trained), json.loads((trained / "report.json").read_text())
    assert len(page.of("img")) == len(FIGURES)
    for value in (report["elbo"], report["kl"], report["log_likelihood"]["value"]):
        assert f"{value:.2f}" in page.text
    for error in (*report["data_se"].values(), report["log_likelihood"]["mc_se"]):
        assert f"{error:.3f}" in page.text
    assert "pyrovae train --binarization none --latent_features 3" in page.text
    assert report["versions"]["torch"] in page.text
    parameters = sum(p.numel() for p in Run(trained).model().parameters())
    assert f"{parameters:,}" in page.text
    assert "digits: 1437 train, 180 validation, 180 test; each 1 × 8 × 8" in page.text
    assert str(trained.parent) not in (trained / "report.html").read_text()


def test_what_is_no_log_likelihood_is_said(copied):
    said = "The numbers are cross-entropies and not log-likelihoods"
    assert said in page_of(copied).text  # grey levels
    change(copied, is_density=True)
    page = check_page(run_page(Run(copied)))
    assert said not in page.text
    assert "log p(x) -" in page.text
    assert "Bound on log p(x)" not in page.text
    change(copied, is_bound=True)
    assert "Bound on log p(x) -" in check_page(run_page(Run(copied))).text


def test_evaluate_writes_it_anew(copied):
    assert main(["evaluate", str(copied), "--samples", "7", "--split", "train"]) == 0
    page = page_of(copied)
    assert "S = 7" in page.text
    assert "of the data that the model was trained on" in page.text


@pytest.mark.parametrize("state", ["missing", "of another report", "cut", "of other figures"])
def test_resume_makes_the_page_that_a_run_lacks(state, copied, capsys):
    file, whole = copied / "report.html", (copied / "report.html").read_bytes()
    if state == "missing":
        file.unlink()
    elif state == "of another report":
        file.write_bytes(whole.replace(b"Parameters", b"parameters"))
    elif state == "cut":
        file.write_bytes(whole[:1000])
    else:
        shutil.copy(copied / "figures/latents.png", copied / "figures/samples.png")
    assert main(["resume", str(copied)]) == 0
    assert capsys.readouterr().out == f"{file}: all of it on a page\n"
    assert (file.read_bytes() == whole) is (state != "of other figures")
    assert main(["resume", str(copied)]) == 2  # nothing is left to do


def test_further_training_removes_it_until_it_is_new(copied, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(training, "finish", lambda *arguments: None)
        assert main(["resume", str(copied), "--epochs", "3", "--quiet"]) == 0
    assert not (copied / "report.html").exists()
    assert main(["resume", str(copied), "--quiet"]) == 0
    assert "3 epochs in" in page_of(copied).text


@pytest.mark.usefixtures("rendered")
def test_plot_draws_it_anew(copied):
    before = (copied / "report.html").read_bytes()
    (copied / "figures/samples.png").unlink()
    assert main(["plot", str(copied), "--only", "latents"]) == 0
    assert len(page_of(copied).of("img")) == len(FIGURES) - 1
    assert main(["plot", str(copied)]) == 0
    assert (copied / "report.html").read_bytes() == before


HARM = "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>\"'\x1b[2J\u202e"


def test_what_a_stranger_wrote_is_text(copied):
    change(
        copied,
        dataset__name=HARM,
        dataset__sizes={"train": HARM, HARM: 3},
        warnings=[HARM],
        split=HARM,
        model__prior=HARM,
        training__stopped=HARM,
        versions__torch=HARM,
        site_kls={HARM: 1.0, "z": 2.0},
        active_units={HARM: HARM},
        units={HARM: 3},
        variables={HARM: {"kl": [0.5, 2.0]}, "z": {"kl": None}},
    )
    harm = {"class_path": HARM, "init_args": {HARM: HARM}}
    forge(copied / "checkpoint.pt", data=HARM, prior=harm, encoder=HARM, beta=harm)
    shutil.copy(copied / "figures/samples.png", copied / 'figures/samples_of_<b>&".png')
    text = run_page(Run(copied))
    page = check_page(text)
    assert page.text.count("<script>alert(1)</script>") > 10
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert 'Samples of <b>&"' in page.text
    assert "[1] 2.00, [0] 0.50" in page.text
    (copied / "report.html").write_text(text, encoding="utf-8")
    assert main(["compare", str(copied), str(copied), "--html", str(copied / "c.html")]) == 0
    check_page((copied / "c.html").read_text(encoding="utf-8"))


def places(values, *, above=()):
    for key, value in values.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from places(value, above=(*above, key))


ODD = [
    None,
    -1,
    2.5,
    "text",
    [],
    {},
    float("nan"),
    float("inf"),
    [1, "a"],
    {"a": 1},
    True,
    10**400,
]


# In the ordinary suite the values take turns from place to place.
@pytest.mark.parametrize("turns", [4, pytest.param(1, marks=pytest.mark.proof)])
def test_a_report_with_other_values_is_refused_or_shown(turns, copied, monkeypatch):
    run, whole = Run(copied), json.loads((copied / "report.json").read_text())
    # What is not of the report, and takes most of the time.
    shutil.rmtree(run.figures)
    monkeypatch.setattr(pages, "command_of", lambda options: "")
    refused = []
    for i, place in enumerate(places(whole)):
        for value in ("missing", *ODD)[i % turns :: turns]:
            report = copy.deepcopy(whole)
            inner = report
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = value
            if value == "missing":
                del inner[place[-1]]
            (copied / "report.json").write_text(json.dumps(report))
            try:
                run_page(run)
            except ValueError as error:
                refused.append(str(error))
    assert len(refused) > 50
    assert all(said.startswith(str(run.report_file)) for said in refused)


@pytest.mark.usefixtures("rendered")
def test_a_report_that_lacks_something_is_made_anew(copied):
    whole = (copied / "report.html").read_bytes()
    report = json.loads((copied / "report.json").read_text())
    del report["model"]["parameters"]
    (copied / "report.json").write_text(json.dumps(report))
    assert main(["resume", str(copied), "--quiet"]) == 0
    assert (copied / "report.html").read_bytes() == whole


def test_only_figures_are_shown(copied, tmp_path):
    figures = copied / "figures"
    shutil.copy(figures / "samples.png", tmp_path / "private.png")
    (figures / "samples.png").unlink()
    (figures / "samples.png").symlink_to(tmp_path / "private.png")
    (figures / "latents.png").write_bytes(b"<svg onload='alert(1)'/>")
    (figures / "training_curves.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    page = check_page(run_page(Run(copied)))
    assert len(page.of("img")) == len(FIGURES) - 3


@pytest.fixture
def other(copied):
    """The same run with other weights and options, and a report of them."""
    content = read(copied / "checkpoint.pt")
    weights = content["state_dict"]
    content["notes"]["options"] |= {"beta": 4.0, "seed": 1, "root": "/elsewhere"}
    write(copied / "checkpoint.pt", {**content, "state_dict": weights})
    change(copied, weights=digest(weights), log_likelihood__value=-20.0)
    return copied


def test_compare_shows_numbers_and_differences(trained, other, in_tmp, capsys):
    runs = [str(trained), str(other)]
    assert main(["compare", *runs, "--html", "table.txt"]) == 2
    assert "--html: expected a file name that ends in .html" in capsys.readouterr().err
    assert main(["compare", *runs, "--html", "compare.html"]) == 0
    page = check_page(Path("compare.html").read_text(encoding="utf-8"))
    assert "2 runs, 2 options in which they differ" in page.text
    assert "beta 1.0 4.0" in page.text
    assert "seed 0 1" in page.text
    assert "elsewhere" not in page.text
    assert len(page.of("img")) == 4  # samples and reconstructions of each
    assert len(page.of("circle")) == 2
    # The better one comes first, though it was named last.
    assert page.text.index("copied -20.00") < page.text.index("run -")
    assert "kind of number" not in page.text


def test_runs_of_other_data_are_drawn_apart(trained, other, in_tmp):
    change(other, binarization="threshold", is_density=True)
    assert main(["compare", str(trained), str(other), "--html", "compare.html"]) == 0
    page = check_page(Path("compare.html").read_text(encoding="utf-8"))
    assert "These runs differ in data" in page.text
    assert "cross-entropy in nats per datum: digits, test data, binarization none" in page.text
    assert "log p(x) in nats per datum: digits, test data, binarization threshold" in page.text


def test_runs_of_one_name_are_told_apart_by_what_was_typed(trained, in_tmp):
    for folder in ("a/run", "b/run"):
        shutil.copytree(trained, folder)
    assert main(["compare", "a/run", "b/run", "--html", "compare.html"]) == 0
    page = check_page(Path("compare.html").read_text(encoding="utf-8"))
    assert "a/run" in page.text
    assert "the same options" in page.text
    assert str(in_tmp) not in page.text
