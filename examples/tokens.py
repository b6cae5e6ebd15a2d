"""Sentences of several lengths: tokens, a mask, and an encoder that reads them in their order.

python examples/tokens.py
python examples/tokens.py --encoder attention
"""

import pyro
import torch
from torch import nn

from pyrovae import evaluate, fit
from pyrovae.cli import run
from pyrovae.likelihoods import TokensLikelihood
from pyrovae.models import MissingDataVAE
from pyrovae.nn import MLP, Network
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

WHO, WHAT = ["the cat", "a dog", "the old man"], ["sees", "eats", "likes very much"]
LENGTH = 10  # of the longest


def sentences(n: int):
    """Numbers of words, filled up with zeros, and which places have a word."""
    words = [f"{a} {b} {c} .".split() for a in WHO for b in WHAT for c in WHO]
    names = sorted({word for sentence in words for word in sentence})
    x = torch.zeros(len(words), LENGTH, dtype=torch.long)
    for row, sentence in zip(x, words, strict=True):
        row[: len(sentence)] = torch.tensor([names.index(word) for word in sentence])
    there = torch.arange(LENGTH) < torch.tensor([len(sentence) for sentence in words])[:, None]
    chosen = torch.randint(len(words), (n,), generator=torch.Generator().manual_seed(0))
    return x[chosen], there[chosen], names


class Reader(Network):
    """Reads tokens and, below them, which are there; recurrently, or by attention."""

    def __init__(self, tokens: int, out: int, kind: str, width: int = 32) -> None:
        super().__init__(2 * LENGTH, out)
        self.embedding, self.kind = nn.Embedding(tokens, width), kind
        self.place = nn.Parameter(0.1 * torch.randn(LENGTH, width))
        recurrent = nn.GRU(width, width, batch_first=True)
        attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.reader = recurrent if kind == "recurrent" else attention
        self.out = nn.Linear(width, out)

    def transform(self, x):
        """Maps ``(n, 2 * length)`` to ``(n, out)``: the mean over the places that are there."""
        tokens, there = x.long().chunk(2, 1)
        h = self.embedding(tokens) + self.place
        if self.kind == "recurrent":
            h, _ = self.reader(h)
        else:
            h = h + self.reader(h, h, h, key_padding_mask=there == 0, need_weights=False)[0]
        weights = there / there.sum(1, keepdim=True)
        return self.out((weights.unsqueeze(2) * h).sum(1))


def main(
    encoder: str = "recurrent",
    number: int = 1000,
    latents: int = 6,
    epochs: int = 60,
) -> None:
    """Prints the report, and sentences that the model makes up."""
    x, there, names = sentences(number)
    pyro.set_rng_seed(0)
    posterior = NormalPosterior(Reader(len(names), 2 * latents, encoder))
    shape = TokensLikelihood.network_shape(torch.Size([LENGTH]), tokens=len(names))
    decoder = TokensLikelihood(MLP(latents, [128], shape), tokens=len(names))
    vae = MissingDataVAE(NormalPrior(latents), posterior, decoder)
    fit(vae, (x[100:], there[100:]), epochs=epochs, batch_size=50)
    print(evaluate(vae, (x[:100], there[:100]), samples=200))
    for row in vae.sample(5).long().tolist():
        print(" ".join(names[i] for i in row).partition(".")[0])


if __name__ == "__main__":
    run(main)
