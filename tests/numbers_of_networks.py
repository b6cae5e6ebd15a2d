"""Numbers as networks put them out, and networks that put out what they are told."""

import torch
from hypothesis import strategies as st
from torch import nn

from pyrovae.nn.network import Network


def single(low, high):
    """Floating numbers that single precision holds."""
    return st.floats(low, high, width=32)


def rounded(x):
    return torch.tensor(x, dtype=torch.float32).item()


# Positive numbers of every size from 1e-8 to 1e8.
sizes = st.floats(-8, 8).map(lambda k: rounded(10.0**k))
# Numbers of either sign of such a size, and those that an unbounded network ends at.
signed = st.one_of(
    st.tuples(sizes, st.sampled_from([1.0, -1.0])).map(lambda pair: pair[0] * pair[1]),
    st.sampled_from([0.0, 1.0, -1.0, 1e4, -1e4, 1e8, -1e8]),
    single(-20, 20),
)


def vectors(n):
    """Outputs of n numbers: of one size, or each of its own."""
    alike = st.tuples(sizes, st.lists(single(-3, 3), min_size=n, max_size=n)).map(
        lambda pair: [rounded(pair[0] * v) for v in pair[1]]
    )
    return st.one_of(alike, st.lists(signed, min_size=n, max_size=n))


class Constant(Network):
    """A network whose output is a parameter of its own, whatever it reads."""

    def __init__(self, in_shape, out_shape, numbers, dtype=torch.float32):
        super().__init__(in_shape, out_shape)
        output = torch.tensor(numbers, dtype=torch.float32).to(dtype)
        self.output = nn.Parameter(output.reshape(self.out_shape))

    def transform(self, x):
        return self.output.expand(len(x), *self.out_shape)
