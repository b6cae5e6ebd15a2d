"""Every objective in some of its forms, and the programs that it refuses."""

import pytest

from pyrovae.objectives import (
    DIPELBO,
    ELBO,
    MMDELBO,
    VIMCO,
    AnalyticKLELBO,
    BetaELBO,
    CapacityELBO,
    CombinedImportanceWeightedELBO,
    DoublyReparameterizedELBO,
    FreeBitsELBO,
    ImportanceWeightedELBO,
    MultiplyImportanceWeightedELBO,
    PartiallyImportanceWeightedELBO,
    RenyiELBO,
    ReweightedWakeSleep,
    SlicedWassersteinELBO,
    StickingTheLandingELBO,
    ThermodynamicELBO,
    TotalCorrelationELBO,
)

OBJECTIVES = {
    "ELBO-1": lambda: ELBO(),
    "ELBO-5": lambda: ELBO(num_particles=5),
    "AnalyticKLELBO-1": lambda: AnalyticKLELBO(),
    "AnalyticKLELBO-5": lambda: AnalyticKLELBO(num_particles=5),
    "BetaELBO": lambda: BetaELBO(0.5),
    "BetaELBO-analytic": lambda: BetaELBO(0.5, elbo=AnalyticKLELBO(num_particles=2)),
    "ImportanceWeightedELBO-1": lambda: ImportanceWeightedELBO(num_particles=1),
    "ImportanceWeightedELBO-5": lambda: ImportanceWeightedELBO(num_particles=5),
    "CapacityELBO": lambda: CapacityELBO(num_particles=2),
    "FreeBitsELBO": lambda: FreeBitsELBO(free_nats=0.01),
    "FreeBitsELBO-feature": lambda: FreeBitsELBO(free_nats=0.01, per="feature", num_particles=2),
    "RenyiELBO": lambda: RenyiELBO(),
    "MultiplyImportanceWeightedELBO": lambda: MultiplyImportanceWeightedELBO(),
    "PartiallyImportanceWeightedELBO": lambda: PartiallyImportanceWeightedELBO(),
    "CombinedImportanceWeightedELBO": lambda: CombinedImportanceWeightedELBO(),
    "StickingTheLandingELBO-1": lambda: StickingTheLandingELBO(),
    "StickingTheLandingELBO-3": lambda: StickingTheLandingELBO(num_particles=3),
    "DoublyReparameterizedELBO": lambda: DoublyReparameterizedELBO(),
    "ReweightedWakeSleep": lambda: ReweightedWakeSleep(),
    "VIMCO": lambda: VIMCO(),
    "ThermodynamicELBO": lambda: ThermodynamicELBO(),
    "TotalCorrelationELBO-1": lambda: TotalCorrelationELBO(data_size=50),
    "TotalCorrelationELBO-3": lambda: TotalCorrelationELBO(
        data_size=50, estimator="weighted", num_particles=3
    ),
    "DIPELBO-I": lambda: DIPELBO(kind="I"),
    "DIPELBO-II": lambda: DIPELBO(num_particles=3),
    "MMDELBO-1": lambda: MMDELBO(kl_weight=0.5, kernel="rbf"),
    "MMDELBO-3": lambda: MMDELBO(num_particles=3),
    "SlicedWassersteinELBO-1": lambda: SlicedWassersteinELBO(kl_weight=0.5),
    "SlicedWassersteinELBO-3": lambda: SlicedWassersteinELBO(num_particles=3),
}
over_objectives = pytest.mark.parametrize("name", OBJECTIVES)
NOT_REPARAMETERISED = "is not reparameterised"
SEVERAL = (
    "expected a model with one latent site.* aggregate posterior of a single latent, got 'c', 'z'"
)
MASKED = "expected a model with one latent site.* aggregate posterior of a single latent, got 'z', 'coin'"
# Which programs an objective refuses, and what it says.
REFUSED = {
    "StickingTheLandingELBO": dict.fromkeys(["coin_vae", "mixed", "masked"], NOT_REPARAMETERISED),
    "FreeBitsELBO-feature": {"mixture_vae": "does not factorise over its features"},
    "TotalCorrelationELBO": {
        "mixture_vae": "site 'z': .* does not factorise over its features",
        "mixed": SEVERAL,
        "masked": MASKED,
    },
    "DIPELBO": {"mixed": SEVERAL, "masked": MASKED},
    "MMDELBO": {
        "coin_vae": NOT_REPARAMETERISED,
        "mixture_vae": r"site 'z': the prior's draws \(.*\) are not differentiable",
        "mixed": SEVERAL,
        "masked": MASKED,
    },
}
REFUSED["SlicedWassersteinELBO"] = REFUSED["MMDELBO"]
REFUSED["DoublyReparameterizedELBO"] = REFUSED["StickingTheLandingELBO"]
REFUSED["PartiallyImportanceWeightedELBO"] = REFUSED["StickingTheLandingELBO"]


def refusal(name, program):
    return REFUSED.get(name, REFUSED.get(name.split("-")[0], {})).get(program)


ACCEPTED = [
    pytest.param(name, program, id=f"{name}-{program}")
    for name in OBJECTIVES
    for program in ("normal_vae", "mixture_vae", "coin_vae", "mixed", "masked")
    if refusal(name, program) is None
]
