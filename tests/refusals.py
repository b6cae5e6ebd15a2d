"""Which priors and posteriors of the registry an objective refuses, and what it says."""

from registry import NOT_REPARAMETERIZED, OF_CODES, ONE_WAY, POINTS

# Objectives that score a draw as if it came from elsewhere, and those of them that send gradients
# back through it.
LEAVES = {
    "PartiallyImportanceWeightedELBO",
    "StickingTheLandingELBO",
    "DoublyReparameterizedELBO",
    "ReweightedWakeSleep",
    "ThermodynamicELBO",
}
# Objectives that move draws along the model's gradient.
DYNAMICS = {"HamiltonianELBO", "AnnealedELBO"}
# Objectives that compare the draws of the guide with those of the prior.
DISTANCES = {"MMDELBO", "SlicedWassersteinELBO"}
# Objectives that take the coordinates of latents as plain numbers, and latents that are none.
COORDINATES = DISTANCES | {"DIPELBO", "RegularizedELBO"}
BALL = {"WrappedNormalPosterior", "RiemannianNormalPosterior"}
CIRCLES = {"VonMisesPosterior"}
PATHS = LEAVES - {"ReweightedWakeSleep", "ThermodynamicELBO"}
MIXTURES = {"MixturePrior", "VampPrior", "ExemplarPrior"}
WITH_COVARIANCE = {
    "NormalPosterior",
    "LowRankNormalPosterior",
    "LowRankNormalPosterior-1",
    "FullNormalPosterior",
    "ProductPosterior",
    "GammaPosterior",
}
FACTORISED = {"NormalPosterior", "ProductPosterior", "GammaPosterior", "VonMisesPosterior"}
QUANTIZED = {"VectorQuantizedELBO", "EntropyQuantizedELBO"}


def refusal(prior, posterior, objective):
    """What an objective says of a prior and posterior that it cannot be used with, or None."""
    if objective in LEAVES and posterior in ONE_WAY:
        return "site 'z': its Flow has a transform without an inverse"
    if objective in LEAVES - PATHS and posterior in POINTS:
        return "site 'z': NearestCode is a point mass"
    if objective in PATHS | DISTANCES | DYNAMICS and posterior in NOT_REPARAMETERIZED:
        return "site 'z': OneHotCategorical is not reparameterised"
    if objective in DYNAMICS and posterior in POINTS:
        return "site 'z': the posterior is a point mass, which has no density"
    if objective in DYNAMICS and posterior == "PowerSphericalPosterior":
        return "site 'z': there is no transform .* to the support of PowerSpherical"
    if objective == "AnnealedELBO" and posterior in ONE_WAY:
        return "site 'z': its Flow has a transform without an inverse"
    if objective in COORDINATES and posterior in BALL:
        return "site 'z': .* points of hyperbolic space"
    if objective in DISTANCES and prior in MIXTURES:
        return r"site 'z': the prior's draws \(Mixture\) are not differentiable"
    if objective in DISTANCES and prior in OF_CODES:
        return r"site 'z': the prior's draws \(Codes\) are not differentiable"
    if objective in QUANTIZED and posterior not in POINTS:
        return "expected a latent with a codebook .*, got 'z'"
    if objective == "TotalCorrelationELBO" and posterior not in FACTORISED:
        return "site 'z': .* does not factorise over its features"
    if objective in COORDINATES - DISTANCES and posterior in CIRCLES:
        return "site 'z': .* angles, which repeat after a full turn"
    if objective == "DIPELBO" and posterior not in WITH_COVARIANCE:
        return "site 'z': DIPELBO needs the mean and covariance in closed form"
    return None
