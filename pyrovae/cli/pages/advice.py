"""What to distrust in a report, and what to try."""

from collections.abc import Iterator
from typing import Any

from pyrovae.cli.pages.markup import Markup, coded, tag
from pyrovae.evaluation.distrust import IMPOSSIBLE

__all__ = ["ADVICE", "advice", "warnings"]

#: What to try, by what the warning says.
ADVICE = {
    IMPOSSIBLE: "Do not use these numbers. Look at the density that is named: its `log_prob`, its "
    "support, whether it can be evaluated at values that it has not drawn itself, and rounding.",
    "minus infinity": "Look for data outside of what the likelihood allows. One with heavier "
    "tails, such as `StudentTLikelihood`, gives them a probability.",
    "annealing": "Take more draws with `pyrovae evaluate RUN --samples 5000`, or a "
    "wider proposal with `--wider 1.5`; `pyrovae anneal RUN` bounds log p(x) without the guide. A more "
    "flexible posterior, such as `LowRankNormalPosterior`, makes each draw count for more.",
    "has collapsed": "Let the latents be learned before their KL counts in full, with "
    "`--beta LinearWarmup --beta.epochs 20`; give them a budget, with "
    "`--objective FreeBitsELBO`; or make the decoder smaller.",
    "trained against": "Compare such models by their samples, with `pyrovae quality RUN`, and by the "
    "bound only with others.",
    "are not drawn but fixed": "Compare such models by their ELBO and by their samples.",
}


def advice(warning: str) -> str:
    """What to try where a report warns of something; nothing where that is unknown."""
    return next((what for phrase, what in ADVICE.items() if phrase in warning), "")


def warnings(report: dict[str, Any]) -> Markup:
    """The warnings of a report and what follows from its numbers, each with what to try."""
    told = [(str(warning), advice(str(warning))) for warning in report["warnings"]]
    items = [
        tag("li", tag("b", f"{what[:1].upper()}{what[1:].rstrip('.')}."), " ", coded(todo))
        for what, todo in (*told, *_of_numbers(report))
    ]
    if not items:
        return tag("p", "None: nothing in these numbers is a reason to distrust them.")
    return tag("ul", *items, class_="warnings")


def _of_numbers(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if report["log_likelihood"] is None:
        yield (
            f"Bound and log-likelihood are undefined: {report['undefined']}",
            "Compare such models by what they reconstruct. A model with a prior has both.",
        )
    if not report["is_density"]:
        what = (
            "The reconstruction is no log-likelihood"
            if report["log_likelihood"] is None
            else "The numbers are cross-entropies and not log-likelihoods"
        )
        yield (
            f"{what}, since the likelihood is no density at these values",
            (
                "With `--binarization dynamic` or `static` the data are zeros and ones; "
                "`ContinuousBernoulliLikelihood` and `BetaLikelihood` are densities of grey levels."
            ),
        )
    if report["split"] == "train":
        yield (
            "The numbers are of the data that the model was trained on, and too good for others",
            "Keep data aside, with `--test 0.1`.",
        )
    likelihood = report["log_likelihood"] or {}
    drawn, sampled = likelihood.get("mc_se"), likelihood.get("data_se")
    if drawn is not None and sampled is not None and drawn > sampled:
        yield (
            "The draws are a larger error of log p(x) than the data are",
            "Take more of them, with `pyrovae evaluate RUN --samples 5000`.",
        )
