"""A codebook of moving averages."""

import torch
from torch import Tensor

from pyrovae import ranks
from pyrovae.codebooks.base import VectorCodebook, first_vectors
from pyrovae.distributions import CodeTable
from pyrovae.nn.stepwise import Stepwise

__all__ = ["MovingAverageCodebook"]


class MovingAverageCodebook(Stepwise, VectorCodebook):
    r"""Vectors that are moving averages of what took them; those that nothing takes begin anew.

    After each step of training, with :math:`n_k` vectors f of the network's output nearest to code
    k,

    .. math:: N_k \leftarrow \gamma N_k + (1 - \gamma) n_k, \qquad
        e_k \leftarrow e_k + \frac{1 - \gamma}{N_k} \sum_{f \to k} (f - e_k)

    which is the ratio of the moving averages of the sum and of the number. A code with
    :math:`N_k` below a share of the codes' mean is dead, and is put at one of the step's vectors,
    drawn at random. No objective trains these vectors; `VectorQuantizedELBO` draws the network to
    them.

    The averages move once for each step of `fit` or `CompiledSVI`, over the data of all ranks, and
    not where a step comes to nothing, its gradient not finite or too large; in a loop of one's own they move when the next batch
    is seen in training mode. Evaluation leaves them alone. Each datum counts once, whatever its
    weight.

    van den Oord, Vinyals and Kavukcuoglu, 2017, Neural discrete representation learning,
    https://arxiv.org/abs/1711.00937 (appendix A.1); Razavi, van den Oord and Vinyals, 2019,
    Generating diverse high-fidelity images with VQ-VAE-2, https://arxiv.org/abs/1906.00446; Dhariwal
    et al., 2020, Jukebox: a generative model for music, https://arxiv.org/abs/2005.00341 (restart).

    Args:
        codes: Number of vectors.
        code_features: Length of each.
        decay: The decay :math:`\gamma`, in [0, 1).
        restart: The share of the mean below which a code is dead, in [0, 1); none is at 0.

    Attributes:
        vectors: The vectors, ``(codes, code_features)``.
        counts: The averages :math:`N_k`, ``(codes,)``.

    Raises:
        ValueError: If there are fewer than 2 codes, they have no features, or a share is outside
            [0, 1).
    """

    nonnegative_buffers = (
        "counts",
        "seen_counts",
        "drawn_keys",
    )

    def __init__(
        self,
        codes: int = 64,
        code_features: int = 4,
        *,
        decay: float = 0.99,
        restart: float = 0.1,
    ) -> None:
        super().__init__(codes, code_features)
        for name, share in (("decay", decay), ("restart", restart)):
            if not 0 <= share < 1:
                raise ValueError(f"{name}: expected a number in [0, 1), got {share}")
        self.decay = decay
        self.restart = restart
        self.vectors: Tensor
        self.counts: Tensor
        self.register_buffer("vectors", first_vectors(codes, code_features))
        # Little beside a batch's: the first vectors are soon forgotten.
        self.register_buffer("counts", torch.ones(codes))
        # Of the step under way: the number of vectors at each code, the sum of their differences
        # from it, and one vector drawn from all, with the largest of as many random numbers as
        # there were vectors. The largest of all parts and ranks is then the draw from all.
        self.seen_counts: Tensor
        self.seen_sums: Tensor
        self.drawn: Tensor
        self.drawn_keys: Tensor
        self.register_buffer("seen_counts", torch.zeros(codes))
        self.register_buffer("seen_sums", torch.zeros(codes, code_features))
        self.register_buffer("drawn", torch.zeros(codes, code_features))
        self.register_buffer("drawn_keys", torch.zeros(codes))

    def forward(self) -> CodeTable:
        """Returns the table of the vectors as they are now."""
        # A copy: they move in place, and whoever has the table has that of this step.
        return CodeTable(self.vectors.clone() if self.is_seeing else self.vectors)

    def see(self, vectors: Tensor, numbers: Tensor, event_dim: int) -> None:
        """Adds a batch to what the step under way has seen, in training alone."""
        if self.is_seeing and numbers.numel():
            self._add(vectors, numbers)

    @torch.no_grad()
    def _add(self, vectors: Tensor, numbers: Tensor) -> None:
        f, k = vectors.reshape(-1, self.code_features).to(self.vectors), numbers.flatten()
        ones = torch.ones_like(k, dtype=self.counts.dtype)
        self.seen_counts.copy_(self.seen_counts.index_add(0, k, ones))
        self.seen_sums.copy_(self.seen_sums.index_add(0, k, f - self.vectors[k]))
        if self.restart:
            candidates = f[torch.randint(len(f), (self.codes,), device=f.device)]
            keys = torch.rand(self.codes, dtype=f.dtype, device=f.device) ** (1 / len(f))
            later = keys > self.drawn_keys
            self.drawn.copy_(torch.where(later.unsqueeze(-1), candidates, self.drawn))
            self.drawn_keys.copy_(torch.where(later, keys, self.drawn_keys))

    @torch.no_grad()
    def settle(self, finite: Tensor | None = None) -> None:
        """Moves the averages by what was seen since the last time, and forgets it."""
        seen = torch.cat([self.seen_counts.unsqueeze(-1), self.seen_sums], -1)
        n, sums = ranks.sum_over_ranks(seen).split([1, self.code_features], -1)
        is_any = n.sum() > 0
        if finite is not None:
            is_any = is_any & finite
        counts = self.decay * self.counts + (1 - self.decay) * n.squeeze(-1)
        # Where nothing was seen the sum is zero, whatever is below it.
        least = torch.finfo(counts.dtype).tiny
        vectors = self.vectors + (1 - self.decay) * sums / counts.clamp(min=least).unsqueeze(-1)
        if self.restart:
            mean = counts.mean()
            dead = counts < self.restart * mean
            vectors = torch.where(dead.unsqueeze(-1), self._draw(), vectors)
            counts = torch.where(dead, mean, counts)
        self.vectors.copy_(torch.where(is_any, vectors, self.vectors))
        self.counts.copy_(torch.where(is_any, counts, self.counts))
        for buffer in (self.seen_counts, self.seen_sums, self.drawn, self.drawn_keys):
            buffer.zero_()

    def _draw(self) -> Tensor:
        """One of the step's vectors for each code, the same on all ranks."""
        keys = ranks.stacked(self.drawn_keys)
        chosen = keys.argmax(0).view(1, -1, 1).expand(1, -1, self.code_features)
        return ranks.stacked(self.drawn).gather(0, chosen).squeeze(0)
