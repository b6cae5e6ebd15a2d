"""What the pages are put together from."""

import json
import math
import re

import pytest
import torch
from page_reader import Page

from pyrovae.cli.pages.advice import advice
from pyrovae.cli.pages.intervals import Interval, intervals
from pyrovae.cli.pages.markup import Markup, coded, document, tag
from pyrovae.cli.pages.options import differences, flat
from pyrovae.cli.reports import number
from pyrovae.evaluation import distrust
from pyrovae.evaluation.estimates import Estimates
from pyrovae.evaluation.evaluate import _of_codes
from pyrovae.evaluation.log_likelihood import LogLikelihood


def test_text_is_escaped_and_markup_is_not():
    assert tag("p", "<b>", tag("b", "&")) == "<p>&lt;b&gt;<b>&amp;</b></p>"
    assert tag("img", alt='"<', class_="a") == '<img alt="&quot;&lt;" class="a">'
    # Whatever is made of markup by other means is text again.
    assert tag("p", tag("b", "x") + "") == "<p>&lt;b&gt;x&lt;/b&gt;</p>"
    assert tag("p", Markup("<br>").upper()) == "<p>&lt;BR&gt;</p>"
    assert tag("p", "\x00\x1b\u202e\ud800").isascii()
    assert coded("type `--a <b>` so") == "type <code>--a &lt;b&gt;</code> so"


def test_a_document_is_titled_by_text():
    page = Page(document("</title><script>", "body"))
    assert not page.of("script")
    assert page.text.startswith("</title><script>")


def found(*, kl=1.0, reconstruction=-5.0):
    """Estimates of ten data that are all alike."""
    ten = torch.zeros(10, dtype=torch.float64)
    return Estimates(
        bound=ten + reconstruction - kl,
        reconstruction=ten + reconstruction,
        kls=(ten + kl)[:, None],
        log_ratio=ten - kl,
        log_evidence=ten + reconstruction - kl,
        variance=ten + 1e-6,
        ess=ten + 1,
        pareto_k=ten,
        growth=ten,
        weight=ten + 1,
    )


FEW = LogLikelihood(value=-1.0, samples=100, mc_se=0.1, data_se=0.1, ess=2.0, ess_low=1.0)
WARNINGS = {
    "few draws": lambda: distrust.tail_of_weights(FEW),
    "collapsed": lambda: distrust.collapsed(found(kl=0.0), ["z"]),
    "infinite": lambda: distrust.infinite(found(reconstruction=-math.inf)),
    "impossible": lambda: [distrust.impossible(found(kl=-9.0), ["z"], 100, is_mass=False)],
    "mass above one": lambda: [
        distrust.impossible(found(reconstruction=9.0), ["z"], 100, is_mass=True)
    ],
    "codes": lambda: [_of_codes("z")],
}


@pytest.mark.parametrize("name", WARNINGS)
def test_every_warning_has_something_to_try(name):
    (warning,) = WARNINGS[name]()
    assert advice(warning)


def bar(page, i):
    lines = [a for a in page.of("line") if a.get("class") == "bar"]
    return tuple(float(lines[i][key].rstrip("%")) for key in ("x1", "x2"))


def test_bars_are_on_one_scale():
    values = [
        Interval("low", -10.0, 1.0),
        Interval("high", -2.0, 0.5),
        Interval("none", None, None),
    ]
    page = Page(intervals(values))
    assert page.text.startswith("high -2.00 ± 0.50 low -10.00 ± 1.00 none undefined")
    (high, low) = bar(page, 0), bar(page, 1)
    unit = (high[1] - high[0]) / 2.0  # two errors of a half to either side
    assert low[1] - low[0] == pytest.approx(4.0 * unit, abs=0.03)  # two decimals of a per cent
    assert (sum(high) - sum(low)) / 2 == pytest.approx(8.0 * unit, abs=0.03)
    assert 0 <= low[0] < high[1] <= 100
    ticks = [float(text) for text in re.findall(r"(?<= )-?\d+(?= |$)", page.text)]
    assert 3 <= len(ticks) <= 9


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300, "text", None, 10**400])
def test_what_cannot_be_drawn_is_said(value):
    page = Page(intervals([Interval("a", value, None), Interval("b", 1.0, None)]))
    assert len(page.of("circle")) == 1
    assert page.text.startswith("b 1.00 a ")


def test_differences_are_named_as_they_are_typed():
    vamp = {"class_path": "pyrovae.priors.VampPrior", "init_args": {"components": 7}}
    own = {"class_path": "mine.Prior", "init_args": {}}
    runs = [{"prior": vamp, "epochs": 3, "root": "/a"}, {"prior": own, "epochs": 3, "root": "/b"}]
    assert differences(runs) == {
        "prior": ["VampPrior", "mine.Prior"],
        "prior.components": ["7", "–"],
    }
    assert flat({"data": "/home/somebody/x.npy"})["data"] == "x.npy"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1.00"), (-0.125, "-0.12"), (True, "undefined"), ("x", "undefined"), (1e12, "1e+12")],
)
def test_numbers_as_people_read_them(value, text):
    assert number(value) == text
    assert number(json.loads("1" * 400)) == "undefined"
