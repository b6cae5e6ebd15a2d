"""The numbers of a report, with their errors and what each of them means."""

from collections.abc import Iterator
from typing import Any

from pyrovae.cli.pages.markup import Markup, joined, table, tag
from pyrovae.cli.reports import BOUND, evidence_name, number

__all__ = ["errors_of", "headline", "numbers"]

LISTED = 12
Row = tuple[str, str, str, str]
ERRORS = (
    "Errors are standard errors: data_se is what other data of the same kind would change a "
    "number by, mc_se what other draws would. What training again with another seed would change, "
    "one run does not show."
)


def numbers(report: dict[str, Any]) -> Markup:
    """The table of a report's numbers."""
    caption = (
        f"{report['data']} {report['split']} data, binarization {report['binarization']}; "
        "nats per datum where nothing else is said"
    )
    columns = ("Number", "Value", "Error", "What it means")
    rows = table(caption, columns, _rows(report))
    return joined([tag("div", rows, class_="stack"), tag("p", ERRORS, class_="faint")])


def headline(report: dict[str, Any]) -> str:
    """The one number that stands above all others."""
    ll = report["log_likelihood"]
    if ll is None:
        value = f"Reconstruction {number(report['reconstruction'])}"
    else:
        name = evidence_name(report)
        name = name if name.startswith("log") else name.capitalize()
        value = f"{name} {number(ll['value'])}"
        if ll["data_se"] is not None:
            value += f" \N{PLUS-MINUS SIGN} {number(ll['data_se'])}"
    return f"{value} nats per datum, on {report['data']} {report['split']} data."


def errors_of(**errors: Any) -> str:
    """Errors by name, those that are defined."""
    known = {name: value for name, value in errors.items() if value is not None}
    return ", ".join(f"{name} {number(value, 3)}" for name, value in known.items())


def _rows(report: dict[str, Any]) -> Iterator[Row]:
    yield from _evidence(report)
    yield from _bound(report)
    yield from _latents(report)
    if report["train_elbo"] is not None:
        yield (
            "ELBO on training data",
            number(report["train_elbo"]),
            "",
            "The same bound on as many data that the model was trained on.",
        )
        yield (
            "Gap",
            number(report["gap"]),
            "",
            (
                "By how much the bound is better on training data. Far above data_se, the model "
                "has overfitted: stop earlier (--patience), or make it smaller."
            ),
        )


def _evidence(report: dict[str, Any]) -> Iterator[Row]:
    ll = report["log_likelihood"]
    if ll is None:
        return
    meaning = (
        f"The log-likelihood of a datum by importance sampling with S = {ll['samples']} draws: on "
        "average no higher than the true one, and closer to it with more draws. Higher is better."
    )
    if not report["is_density"]:
        meaning = (
            f"A cross-entropy, estimated with S = {ll['samples']} draws: of use to compare models "
            "of the same data and likelihood, and no log-likelihood. Higher is better."
        )
    if report["is_bound"]:
        meaning += (
            " The codes are fixed by the data and not drawn, so this is no more than the ELBO, "
            "however many draws there are."
        )
    yield (
        "Bound on log p(x)" if evidence_name(report) == BOUND else "log p(x)",
        number(ll["value"]),
        errors_of(mc_se=ll["mc_se"], data_se=ll["data_se"]),
        meaning,
    )
    if report["bits_per_dim"] is not None:
        yield (
            "Bits per dimension",
            number(report["bits_per_dim"], 3),
            "",
            (
                "The same as bits for each value of a datum: what a lossless code would take. Lower "
                "is better."
            ),
        )
    yield (
        "Effective sample size",
        f"{number(ll['ess'], 1)} of {ll['samples']}",
        "",
        (
            f"How many of the draws count, in half of the data (in 5 % of them fewer than "
            f"{number(ll['ess_low'], 1)}). Where few do, log p(x) is biased low."
        ),
    )


def _bound(report: dict[str, Any]) -> Iterator[Row]:
    meanings = {
        "elbo": "The evidence lower bound, which log p(x) is above: reconstruction minus KL. "
        "It contains no weight of the objective.",
        "reconstruction": "The mean of log p(x|z) at codes z drawn for the datum: how well its "
        "code describes it.",
        "kl": "How far the posterior q(z|x) is from the prior p(z): what the code says of the "
        "datum. Near 0 it says nothing.",
    }
    names = {"elbo": "ELBO", "reconstruction": "Reconstruction", "kl": "KL"}
    for key, meaning in meanings.items():
        if report[key] is not None:
            errors = errors_of(data_se=report["data_se"].get(key))
            yield names[key], number(report[key]), errors, meaning
    if len(report["site_kls"]) > 1:
        for site, kl in report["site_kls"].items():
            yield f"KL of {site}", number(kl), "", f"What the latent {site} adds to the KL."


def _largest(kls: list[Any]) -> str:
    """The largest of some KL divergences, with their places."""
    order = sorted(range(len(kls)), key=lambda d: -kls[d])
    shown = [f"[{d}] {number(kls[d])}" for d in order[:LISTED]]
    rest = order[LISTED:]
    return ", ".join(
        [*shown, f"{len(rest)} more of at most {number(kls[rest[0]])}"] if rest else shown
    )


def _latents(report: dict[str, Any]) -> Iterator[Row]:
    for site, active in report["active_units"].items():
        yield (
            f"Active units of {site}",
            f"{active} of {report['units'][site]}",
            "",
            (
                "Latent variables whose posterior mean differs from datum to datum (a variance above "
                "0.01). The others are not used."
            ),
        )
    for site, variables in report["variables"].items():
        if variables["kl"] is not None and len(variables["kl"]) > 1:
            yield (
                f"KL by variable of {site}",
                _largest(variables["kl"]),
                "",
                (
                    "What each latent variable says of the datum, the largest first, by its place "
                    "in the code. Near 0 it says nothing."
                ),
            )
    for site, use in report["codebooks"].items():
        yield (
            f"Codebook of {site}",
            f"{use['codes'] - use['dead']} of {use['codes']} codes",
            "",
            (
                f"Codes that some datum takes. Its perplexity, {number(use['perplexity'], 1)}, is how "
                "many codes taken equally often would say as much."
            ),
        )
