"""A likelihood plus a loss of structural similarity."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d

from pyrovae.checks import check_count
from pyrovae.likelihoods.base import Likelihood
from pyrovae.likelihoods.penalized import PenalizedLikelihood

__all__ = ["StructuralSimilarityLikelihood"]

# The exponents of Wang, Simoncelli and Bovik, from the finest scale to the coarsest.
EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
K1, K2 = 0.01, 0.03
# Lower bound of a factor, because the gradient of a power at zero is infinite.
SMALLEST = 1e-6


class StructuralSimilarityLikelihood(PenalizedLikelihood):
    r"""A likelihood of images plus a loss of structural similarity of its mean (MS-SSIM).

    .. math:: \ell(x \mid z) = a \log p(x \mid z) - w \, (1 - \mathrm{MS\text{-}SSIM}(x, \mu(z)))

    with, for each channel,

    .. math:: \mathrm{MS\text{-}SSIM} = l_M^{\beta_M} \prod_{j=1}^M c_j^{\beta_j}, \quad
        l = \overline{\frac{2 m_x m_\mu + C_1}{m_x^2 + m_\mu^2 + C_1}}, \quad
        c = \overline{\frac{2 s_{x \mu} + C_2}{s_x^2 + s_\mu^2 + C_2}}

    where m, s are means and (co)variances in a Gaussian window, the bar is the mean over the
    window's positions inside the image, and each further scale halves the image by averaging 2 x 2
    pixels. As usual, the two factors of the coarsest scale are averaged together
    (:math:`\overline{l c}`), and a negative factor is set to zero (here to :math:`10^{-6}`, so
    that the gradient is finite).

    The similarity is not a density over x: training maximises the sum, and the bound and the
    log-likelihood are reported as undefined.

    Wang, Simoncelli and Bovik, 2003, Multiscale structural similarity for image quality assessment,
    https://doi.org/10.1109/ACSSC.2003.1292216; Snell, Ridgeway, Liao, Roads, Mozer and Zemel, 2017,
    Learning to generate images with perceptual similarity metrics,
    https://arxiv.org/abs/1511.06409.

    Args:
        likelihood: The likelihood p of images ``(channels, height, width)``; the loss compares its
            mean :math:`\mu(z)` with the data.
        weight: The weight w, in nats per unit of the loss, which ranges from 0 to 1.
        likelihood_weight: The weight a. With 0 only the similarity is trained, and parameters of
            the likelihood that do not affect its mean, such as a scale, stay as they are.
        scales: Number of scales M, at most five; their exponents are normalised to sum to one. If
            None, as many as fit into the image. One scale gives the SSIM.
        window: Size of the window in pixels, an odd number.
        sigma: Standard deviation of the window in pixels.
        data_range: The range L of the data's values, which enters the constants
            :math:`C_1 = (0.01 L)^2` and :math:`C_2 = (0.03 L)^2`.

    Raises:
        ValueError: If the data are not images, the window does not fit into the coarsest scale, or
            an argument is not positive.
    """

    loss_name = "structural similarity"

    def __init__(
        self,
        likelihood: Likelihood,
        *,
        weight: float = 1.0,
        likelihood_weight: float = 1.0,
        scales: int | None = None,
        window: int = 11,
        sigma: float = 1.5,
        data_range: float = 1.0,
    ) -> None:
        super().__init__(likelihood, weight=weight, likelihood_weight=likelihood_weight)
        shape = tuple(likelihood.data_shape or ())
        if len(shape) != 3:
            raise ValueError(
                f"likelihood: expected a likelihood of images (C, H, W), got data of shape {shape}"
            )
        for name, value in (("sigma", sigma), ("data_range", data_range)):
            if not 0 < value < float("inf"):
                raise ValueError(f"{name}: expected a positive number, got {value}")
        check_count("window", window)
        if window % 2 == 0:
            raise ValueError(f"window: expected an odd number of pixels, got {window}")
        fitting = _fitting(min(shape[1:]), window)
        if scales is not None:
            check_count("scales", scales)
        if not fitting or (scales or 1) > fitting:
            raise ValueError(
                f"scales: a window of {window} pixels fits into {fitting} of the five scales of "
                f"images of {shape[1]} x {shape[2]}, got {scales or 'as many as fit'}; use fewer "
                "scales or a smaller window"
            )
        self.scales, self.window, self.sigma, self.data_range = scales, window, sigma, data_range
        taken = EXPONENTS[: scales or fitting]
        self.exponents = tuple(exponent / sum(taken) for exponent in taken)

    def loss(self, x: Tensor, mean: Tensor) -> Tensor:
        """Returns one minus the similarity, averaged over channels."""
        similarity = torch.ones_like(mean[:, :, 0, 0])
        for j, exponent in enumerate(self.exponents):
            if j:
                x, mean = avg_pool2d(x, 2), avg_pool2d(mean, 2)
            brightness, structure = self._compare(x, mean)
            last = j == len(self.exponents) - 1
            factor = (brightness * structure if last else structure).mean((-2, -1))
            similarity = similarity * factor.clamp(min=SMALLEST) ** exponent
        return 1 - similarity.mean(-1)

    def _compare(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the two ratios at each position of the window, ``(n, C, h, w)``."""
        c1, c2 = (K1 * self.data_range) ** 2, (K2 * self.data_range) ** 2
        m_x, m_y = self._blur(x), self._blur(y)
        s_xx, s_yy = self._blur(x * x) - m_x * m_x, self._blur(y * y) - m_y * m_y
        s_xy = self._blur(x * y) - m_x * m_y
        brightness = (2 * m_x * m_y + c1) / (m_x * m_x + m_y * m_y + c1)
        return brightness, (2 * s_xy + c2) / (s_xx + s_yy + c2)

    def _blur(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        offsets = torch.arange(self.window, dtype=x.dtype, device=x.device) - self.window // 2
        bell = (-0.5 * (offsets / self.sigma).square()).softmax(0)
        for shape in ((-1, 1), (1, -1)):
            weights = bell.view(1, 1, *shape)
            x = conv2d(x, weights.expand(channels, 1, *weights.shape[2:]), groups=channels)
        return x


def _fitting(side: int, window: int) -> int:
    """Number of scales at which the window fits into the image."""
    return sum(side // 2**j >= window for j in range(len(EXPONENTS)))
