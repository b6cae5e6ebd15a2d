"""A codebook of moving averages."""

import torch
from torch import Tensor

from pyrovae import ranks
from pyrovae.codebooks.base import VectorCodebook, first_vectors
from pyrovae.distributions import CodeTable
from pyrovae.nn.stepwise import Stepwise

__all__ = ["MovingAverageCodebook"]


class MovingAverageCodebook(Stepwise, VectorCodebook):
    r"""Moving averages of the network outputs assigned to each code; unused codes are restarted.

    After each training step, where :math:`n_k` vectors f of the network's output were assigned to
    code k,

    .. math:: N_k \leftarrow \gamma N_k + (1 - \gamma) n_k, \qquad
        e_k \leftarrow e_k + \frac{1 - \gamma}{N_k} \sum_{f \to k} (f - e_k)

    so each code is the ratio of the moving averages of the sum and of the number of its vectors. A
    code whose :math:`N_k` is below a given fraction of the mean over codes is dead, and is
    replaced by a random one of the step's vectors. No objective trains these vectors;
    `VectorQuantizedELBO` pulls the network's output to them.

    In `fit` and `CompiledSVI`, the averages are updated once for each step, over the data of all
    ranks, but not if the step is skipped because its gradient is too large or not finite. In your
    own training loop they are updated when the next batch is seen in training mode. Evaluation
    does not change them. Each datum counts once, whatever its weight.

    van den Oord, Vinyals and Kavukcuoglu, 2017, Neural discrete representation learning,
    https://arxiv.org/abs/1711.00937 (appendix A.1); Razavi, van den Oord and Vinyals, 2019,
    Generating diverse high-fidelity images with VQ-VAE-2, https://arxiv.org/abs/1906.00446; Dhariwal
    et al., 2020, Jukebox: a generative model for music, https://arxiv.org/abs/2005.00341 (restart).

    Args:
        codes: Number of vectors.
        code_features: Length of each vector.
        decay: The decay :math:`\gamma`, in [0, 1).
        restart: The fraction of the mean below which a code is dead, in [0, 1); 0 never restarts.

    Attributes:
        vectors: The vectors, ``(codes, code_features)``.
        counts: The averages :math:`N_k`, ``(codes,)``.

    Raises:
        ValueError: If there are fewer than 2 codes, ``code_features`` is below 1, or ``decay`` or
            ``restart`` is outside [0, 1).
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
        # Small compared with the counts of a batch, so the initial vectors are soon forgotten.
        self.register_buffer("counts", torch.ones(codes))
        # For the current step: the number of vectors at each code, the sum of their differences
        # from it, and one vector drawn from all of them. Each drawn vector has a key, distributed
        # like the largest of as many uniform numbers as there were vectors. The vector with the
        # largest key over all batches and ranks is then a draw from all vectors.
        self.seen_counts: Tensor
        self.seen_sums: Tensor
        self.drawn: Tensor
        self.drawn_keys: Tensor
        self.register_buffer("seen_counts", torch.zeros(codes))
        self.register_buffer("seen_sums", torch.zeros(codes, code_features))
        self.register_buffer("drawn", torch.zeros(codes, code_features))
        self.register_buffer("drawn_keys", torch.zeros(codes))

    def forward(self) -> CodeTable:
        """Returns the table of the current vectors."""
        # A copy in training: the vectors change in place, but the table belongs to this step.
        return CodeTable(self.vectors.clone() if self.is_seeing else self.vectors)

    def see(self, vectors: Tensor, numbers: Tensor, event_dim: int) -> None:
        """Adds a batch to the statistics of the current step, in training mode only."""
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
        """Updates the averages with the statistics since the last call, and resets these."""
        seen = torch.cat([self.seen_counts.unsqueeze(-1), self.seen_sums], -1)
        n, sums = ranks.sum_over_ranks(seen).split([1, self.code_features], -1)
        is_any = n.sum() > 0
        if finite is not None:
            is_any = is_any & finite
        counts = self.decay * self.counts + (1 - self.decay) * n.squeeze(-1)
        # For a code without any vectors the sum is zero, so the divisor does not matter.
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
        """Returns one of the step's vectors for each code, the same on all ranks."""
        keys = ranks.stacked(self.drawn_keys)
        chosen = keys.argmax(0).view(1, -1, 1).expand(1, -1, self.code_features)
        return ranks.stacked(self.drawn).gather(0, chosen).squeeze(0)
