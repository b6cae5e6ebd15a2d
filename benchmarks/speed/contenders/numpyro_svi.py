"""NumPyro: a compiled step, a whole epoch in one compiled loop, and importance sampling."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import lax, random
from numpyro.infer import SVI, RenyiELBO, Trace_ELBO

from benchmarks.speed.cases import Case
from benchmarks.speed.contenders.numpyro_residual import residuals
from benchmarks.speed.data import Task, order
from benchmarks.speed.turns import Turns, Weights

__all__ = ["run"]

ACTIVATIONS = {
    "softplus": jax.nn.softplus,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
}
Layers = list[tuple[jax.Array, jax.Array]]


def run(task: Task, turn: Turns, variant: str) -> None:
    """Trains, or estimates log-likelihoods, one epoch a turn."""
    case, images = task.case, jnp.asarray(task.images())
    turn()
    encoder, decoder = to_jax(case, task.weights())
    encode, decode = networks(case)

    def model(x: jax.Array) -> None:
        layers = numpyro.param("decoder", decoder)
        with numpyro.plate("data", len(x), dim=-1):
            prior = dist.Normal(jnp.zeros(case.latents), 1).expand([case.latents])
            z = numpyro.sample("z", prior.to_event(1))
            # By itself it gives grey values a log-probability of minus infinity, without a gradient.
            pixels = dist.Bernoulli(logits=decode(layers, z), validate_args=False)
            numpyro.sample("x", pixels.to_event(1), obs=x)

    def guide(x: jax.Array) -> None:
        layers = numpyro.param("encoder", encoder)
        loc, raw = jnp.split(encode(layers, x), 2, axis=-1)
        with numpyro.plate("data", len(x), dim=-1):
            posterior = dist.Normal(loc, jax.nn.softplus(raw) + 1e-6)
            numpyro.sample("z", posterior.to_event(1))

    particles = case.samples or case.particles
    loss = RenyiELBO(alpha=0, num_particles=particles) if particles else Trace_ELBO()
    svi = SVI(model, guide, numpyro.optim.Adam(1e-3), loss)
    state = svi.init(random.PRNGKey(0), images[: case.batch])
    if case.samples:
        evaluate(case, images, svi, state, turn)

    def update(state: Any, images: jax.Array, index: jax.Array, key: jax.Array) -> Any:
        x = images[index]
        if case.binarization == "dynamic":
            x = random.bernoulli(key, x).astype(x.dtype)
        return svi.update(state, x)

    step = jax.jit(update, donate_argnums=0)

    def loop(state: Any, images: jax.Array, rows: jax.Array, key: jax.Array) -> Any:
        keys = random.split(key, len(rows))

        def body(i: Any, carry: Any) -> Any:
            state, total = carry
            state, loss = update(state, images, rows[i], keys[i])
            return state, total + loss

        return lax.fori_loop(0, len(rows), body, (state, 0.0))

    whole = jax.jit(loop, donate_argnums=0)
    key = random.PRNGKey(1)
    for rows in order(case):
        key, epoch_key = random.split(key)
        if variant == "loop":
            state, _ = whole(state, images, jnp.asarray(rows), epoch_key)
        else:
            drawn = case.binarization == "dynamic"
            keys = random.split(epoch_key, len(rows)) if drawn else [epoch_key] * len(rows)
            for index, step_key in zip(rows, keys, strict=True):
                state, _ = step(state, images, index, step_key)
        turn(
            lambda state=state: to_numpy(case, svi.get_params(state)),  # type: ignore[misc]
            wait=lambda state=state: jax.block_until_ready(state),  # type: ignore[misc]
        )


def evaluate(case: Case, images: jax.Array, svi: SVI, state: Any, turn: Turns) -> None:
    """The importance-weighted bound of S particles, which is the estimate, a few images a time."""
    together = min(len(images), max(1, 8000 // case.samples))
    chunks = images[: len(images) // together * together].reshape(-1, together, case.pixels)
    rest = images[chunks.shape[0] * together :]

    @jax.jit
    def estimate(state: Any, chunks: jax.Array, rest: jax.Array) -> Any:
        total = lax.map(lambda x: -svi.evaluate(state, x), chunks).sum()
        return total - svi.evaluate(state, rest) if len(rest) else total

    while True:
        turn(result=float(estimate(state, chunks, rest)) / len(images))


def networks(case: Case) -> tuple[Callable[..., jax.Array], Callable[..., jax.Array]]:
    """Encoder and decoder of a case, as functions of their layers."""
    activation = ACTIVATIONS[case.activation]

    def chain(layers: Layers, x: jax.Array) -> jax.Array:
        *hidden, (w, b) = layers
        for weight, bias in hidden:
            x = activation(x @ weight + bias)
        return x @ w + b

    if case.blocks:
        return residuals(case)
    if not case.dense:
        return chain, chain
    depth, size = len(case.hidden), 28 // 2 ** len(case.hidden)

    def convolve(x: jax.Array, layer: Any, *, stride: int = 1, dilation: int = 1) -> jax.Array:
        weight, bias = layer
        low, high = (1, 2) if dilation > 1 else (1, 1)
        return bias + lax.conv_general_dilated(
            x,
            weight,
            (stride, stride),
            [(low, high)] * 2,
            lhs_dilation=(dilation, dilation),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    def encode(layers: Layers, x: jax.Array) -> jax.Array:
        x = x.reshape(-1, 28, 28, 1)
        for layer in layers[:depth]:
            x = activation(convolve(x, layer, stride=2))
        return chain(layers[depth:], x.reshape(len(x), -1))

    def decode(layers: Layers, z: jax.Array) -> jax.Array:
        (weight, bias), *transposed, last = layers
        x = activation(z @ weight + bias).reshape(-1, size, size, case.hidden[-1])
        for layer in transposed:
            x = activation(convolve(x, layer, dilation=2))
        return convolve(x, last).reshape(len(x), 784)

    return encode, decode


def to_jax(case: Case, weights: Weights) -> tuple[Any, Any]:
    """The layers of encoder and decoder, inputs before outputs and channels last.

    A residual network's lie as torch has them.
    """
    if case.blocks:
        arrays = [jnp.asarray(weight) for weight in weights]
        return arrays[: len(arrays) // 2], arrays[len(arrays) // 2 :]
    pairs = list(zip(weights[::2], weights[1::2], strict=True))
    n = len(case.hidden) + (2 if case.dense else 1)
    layers = [
        (jnp.asarray(layout(case, i, weight)), jnp.asarray(arrange(case, i, bias)))
        for i, (weight, bias) in enumerate(pairs)
    ]
    return layers[:n], layers[n:]


def to_numpy(case: Case, params: dict[str, Any]) -> Weights:
    """The weights as torch's layers lay them out, encoder first."""
    if case.blocks:
        return [np.asarray(array) for array in [*params["encoder"], *params["decoder"]]]
    found: Weights = []
    for i, (weight, bias) in enumerate([*params["encoder"], *params["decoder"]]):
        found += [
            layout(case, i, np.asarray(weight), back=True),
            arrange(case, i, np.asarray(bias), back=True),
        ]
    return found


def layout(case: Case, i: int, weight: np.ndarray, *, back: bool = False) -> np.ndarray:
    """Layer i's weight from torch's layout to this module's, or back."""
    if weight.ndim == 2:
        flat = _flat_side(case, i)
        if back:
            weight = weight.T
        if flat is not None:
            # Torch flattens channels first, here they are last.
            weight = _permute(case, weight, flat, back=back)
        return np.ascontiguousarray(weight if back else weight.T)
    transposed = len(case.hidden) + 2 < i < len(case.hidden) * 2 + 3
    if back:
        weight = weight.transpose(2, 3, 0, 1) if transposed else weight.transpose(3, 2, 0, 1)
        return np.ascontiguousarray(weight[..., ::-1, ::-1] if transposed else weight)
    if transposed:
        # A transposed convolution is one over an image with holes, its kernel turned round.
        return np.ascontiguousarray(weight[..., ::-1, ::-1].transpose(2, 3, 0, 1))
    return np.ascontiguousarray(weight.transpose(2, 3, 1, 0))


def arrange(case: Case, i: int, bias: np.ndarray, *, back: bool = False) -> np.ndarray:
    """Layer i's bias likewise."""
    if _flat_side(case, i) == 0:
        return _permute(case, bias, 0, back=back)
    return bias


def _flat_side(case: Case, i: int) -> int | None:
    """Which side of a dense layer, in torch's layout, meets a flattened image."""
    if not case.dense:
        return None
    return {len(case.hidden): 1, len(case.hidden) + 2: 0}.get(i)


def _permute(case: Case, array: np.ndarray, axis: int, *, back: bool) -> np.ndarray:
    """Reorders an axis that is a flattened image between channels first and channels last."""
    channels, size = case.hidden[-1], 28 // 2 ** len(case.hidden)
    order = np.arange(channels * size * size).reshape(channels, size, size)
    order = order.transpose(1, 2, 0).ravel()
    return array.take(np.argsort(order) if back else order, axis=axis)
