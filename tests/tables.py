"""Tables of every kind of column, with gaps where they are asked for."""

import numpy as np
import pandas as pd

KINDS = {
    "height": "real",
    "income": "positive",
    "visits": "count",
    "member": "binary",
    "colour": "categorical",
    "grade": "ordinal",
}


def people(n=200, gaps=0.0, seed=0):
    """Rows in which columns of all kinds depend on one another."""
    random = np.random.default_rng(seed)
    tall = random.normal(size=n)
    frame = pd.DataFrame(
        {
            "height": 170.5 + 10 * tall + random.normal(size=n),
            "income": np.round(np.exp(10 + tall / 2 + random.normal(size=n)), 2),
            "visits": random.poisson(np.exp(1 + tall)),
            "member": np.where(random.random(n) < 1 / (1 + np.exp(-tall)), "yes", "no"),
            "colour": random.choice(["red", "green", "blue"], n),
            "grade": random.integers(1, 6, n),
        }
    )
    # Every level is there, whatever is drawn.
    frame.loc[:4, "grade"] = [1, 2, 3, 4, 5]
    frame.loc[:2, "colour"] = ["red", "green", "blue"]
    frame.loc[:1, "member"] = ["yes", "no"]
    return lose(frame, gaps, seed + 1) if gaps else frame


def lose(frame, share, seed):
    """The same with values missing at random, but in the first rows."""
    lost = np.random.default_rng(seed).random(frame.shape) < share
    lost[:5] = False
    return frame.mask(lost)
