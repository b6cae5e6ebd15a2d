"""Densities and moments to a hundred digits, of parameters that single precision holds exactly."""

import mpmath as mp

mp.mp.dps = 120


def exact(x):
    """The number that a tensor of one element holds."""
    return mp.mpf(x.item())


def log_binomial_like(total, parts):
    return mp.loggamma(total + 1) - sum(mp.loggamma(part + 1) for part in parts)


def log_softmax(logits):
    top = max(logits)
    constant = top + mp.log(sum(mp.exp(a - top) for a in logits))
    return [a - constant for a in logits]


class Bernoulli:
    @staticmethod
    def log_prob(x, logit):
        return x * logit - log1p_exp(logit)

    @staticmethod
    def mean(logit):
        return 1 / (1 + mp.exp(-logit))

    @staticmethod
    def variance(logit):
        return 1 / (1 + mp.exp(-logit)) / (1 + mp.exp(logit))


def log1p_exp(a):
    return max(a, 0) + mp.log1p(mp.exp(-abs(a)))


class ContinuousBernoulli:
    @staticmethod
    def log_prob(x, logit):
        return x * logit - (mp.log(mp.expm1(logit) / logit) if logit else 0)

    @staticmethod
    def mean(logit):
        return 1 / (1 - mp.exp(-logit)) - 1 / logit if logit else mp.mpf(1) / 2

    @staticmethod
    def variance(logit):
        if not logit:
            return mp.mpf(1) / 12
        return 1 / logit**2 - 1 / (2 * mp.sinh(logit / 2)) ** 2


class Normal:
    @staticmethod
    def log_prob(x, loc, scale):
        return -(((x - loc) / scale) ** 2) / 2 - mp.log(scale) - mp.log(2 * mp.pi) / 2

    @staticmethod
    def mean(loc, scale):
        return loc

    @staticmethod
    def variance(loc, scale):
        return scale**2


class Laplace(Normal):
    @staticmethod
    def log_prob(x, loc, scale):
        return -abs(x - loc) / scale - mp.log(2 * scale)

    @staticmethod
    def variance(loc, scale):
        return 2 * scale**2


class HyperbolicSecant(Normal):
    @staticmethod
    def log_prob(x, loc, scale):
        r = abs(x - loc) / scale  # a cosh of 1e16 has no hundred digits to lose
        return -r - mp.log1p(mp.exp(-2 * r)) - mp.log(mp.pi * scale / 2)

    @staticmethod
    def variance(loc, scale):
        return (mp.pi * scale / 2) ** 2


class StudentT:
    @staticmethod
    def log_prob(x, df, loc, scale):
        half = (df + 1) / 2
        constant = mp.loggamma(half) - mp.loggamma(df / 2) - mp.log(mp.pi * df) / 2 - mp.log(scale)
        return constant - half * mp.log1p(((x - loc) / scale) ** 2 / df)

    @staticmethod
    def mean(df, loc, scale):
        return loc

    @staticmethod
    def variance(df, loc, scale):
        return scale**2 * df / (df - 2) if df > 2 else mp.inf


class Beta:
    """Stretched by a margin, as a third parameter."""

    @staticmethod
    def log_prob(x, a, b, margin):
        width = 1 + 2 * margin
        low, high = (x + margin) / width, (1 - x + margin) / width
        log_beta = mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)
        return (a - 1) * mp.log(low) + (b - 1) * mp.log(high) - log_beta - mp.log(width)

    @staticmethod
    def mean(a, b, margin):
        return a / (a + b) * (1 + 2 * margin) - margin

    @staticmethod
    def variance(a, b, margin):
        return (1 + 2 * margin) ** 2 * a * b / ((a + b) ** 2 * (a + b + 1))


class Poisson:
    @staticmethod
    def log_prob(x, rate):
        return x * mp.log(rate) - rate - mp.loggamma(x + 1)

    @staticmethod
    def mean(rate):
        return rate

    variance = mean


class NegativeBinomial:
    @staticmethod
    def log_prob(x, mean, dispersion):
        r = 1 / dispersion
        coefficient = mp.loggamma(x + r) - mp.loggamma(x + 1) - mp.loggamma(r)
        return coefficient + r * mp.log(r / (r + mean)) + x * mp.log(mean / (r + mean))

    @staticmethod
    def mean(mean, dispersion):
        return mean

    @staticmethod
    def variance(mean, dispersion):
        return mean + dispersion * mean**2


class PowerSpherical:
    """By the squared distance from the mean direction, in so many dimensions."""

    @staticmethod
    def log_constant(kappa, dim):
        beta = mp.mpf(dim - 1) / 2
        gammas = mp.loggamma(kappa + beta) - mp.loggamma(kappa + 2 * beta)
        return 2 * beta * mp.log(2) + beta * mp.log(mp.pi) + gammas

    @classmethod
    def log_prob(cls, square, kappa, dim):
        return kappa * mp.log1p(-square / 4) - cls.log_constant(kappa, dim)

    @classmethod
    def entropy(cls, kappa, dim):
        beta = mp.mpf(dim - 1) / 2
        expected = mp.digamma(kappa + beta) - mp.digamma(kappa + 2 * beta)
        return cls.log_constant(kappa, dim) - kappa * expected

    @staticmethod
    def log_area(dim):
        return mp.log(2) + mp.mpf(dim) / 2 * mp.log(mp.pi) - mp.loggamma(mp.mpf(dim) / 2)


def discretized_logistic(level, loc, scale, levels):
    """The probability of a level, of a logistic in the unit of the grey values."""
    half = mp.mpf(1) / (2 * (levels - 1))
    x = mp.mpf(level) / (levels - 1)
    up = mp.mpf(1) if level == levels - 1 else Bernoulli.mean((x + half - loc) / scale)
    down = mp.mpf(0) if level == 0 else Bernoulli.mean((x - half - loc) / scale)
    # The smaller tails' difference, which a hundred digits would not hold otherwise.
    if down > mp.mpf(1) / 2:
        up, down = (
            Bernoulli.mean(-(x - half - loc) / scale),
            mp.mpf(0) if level == levels - 1 else Bernoulli.mean(-(x + half - loc) / scale),
        )
    return up - down


def multinomial(counts, logits):
    """Given the total of the counts."""
    scores = sum((x * a for x, a in zip(counts, log_softmax(logits), strict=True) if x), mp.mpf(0))
    return log_binomial_like(sum(counts), counts) + scores


def beta_draw_slope(rest, alpha, beta):
    """How 1 - b of a beta draw moves with alpha at its quantile: -dF/dalpha / p."""
    log_beta = lambda a: mp.loggamma(a) + mp.loggamma(beta) - mp.loggamma(a + beta)

    def below(a):  # P(1 - b < rest)
        front = beta * mp.log(rest) + a * mp.log1p(-rest) - log_beta(a)
        return mp.exp(front) / beta * mp.hyp2f1(beta + a, 1, beta + 1, rest)

    density = (beta - 1) * mp.log(rest) + (alpha - 1) * mp.log1p(-rest) - log_beta(alpha)
    return -mp.diff(below, alpha, h=alpha * mp.mpf(10) ** -12) / mp.exp(density)
