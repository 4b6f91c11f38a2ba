"""Recurrent cells one sequence and one step at a time, gate by gate, in plain numpy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Weights = Mapping[str, Numbers]


def sigmoid(x: Numbers) -> Numbers:
    return 1 / (1 + np.exp(-x))


def convolved(maps: Numbers, weight: Numbers) -> Numbers:
    """Maps (C, H, W) and weight (D, C, k, k) to (D, H, W), place by place."""
    reach = weight.shape[-1] // 2
    padded = np.pad(maps, ((0, 0), (reach, reach), (reach, reach)))
    out = np.zeros((len(weight), *maps.shape[1:]))
    for y in range(maps.shape[1]):
        for x in range(maps.shape[2]):
            window = padded[:, y : y + 2 * reach + 1, x : x + 2 * reach + 1]
            for channel, kernel in enumerate(weight):
                out[channel, y, x] = (kernel * window).sum()
    return out


def product(x: Numbers, weight: Numbers) -> Numbers:
    """The convolution with a weight (D, C, k, k), or the product with a matrix (D, C)."""
    return convolved(x, weight) if weight.ndim == 4 else weight @ x


def shaped(bias: Numbers, like: Numbers) -> Numbers:
    return bias.reshape(-1, *[1] * (like.ndim - 1))


def lstm(xs: Numbers, weights: Weights) -> tuple[list[Numbers], Numbers]:
    """Outputs of every step and the last memory, for inputs (T, C, ...) from a state of zeros."""
    hidden = weights["recurrent_weight"].shape[1]
    gate = {name: slice(n * hidden, (n + 1) * hidden) for n, name in enumerate("ifgo")}
    h = np.zeros((hidden, *xs.shape[2:]))
    c = np.zeros_like(h)
    peep_i, peep_f, peep_o = weights.get("peepholes", np.zeros(3))
    outputs = []

    def before(name: str, x: Numbers) -> Numbers:
        own = gate[name]
        return (
            product(x, weights["input_weight"][own])
            + product(h, weights["recurrent_weight"][own])
            + shaped(weights["bias"][own], h)
        )

    for x in xs:
        i = sigmoid(before("i", x) + peep_i * c)
        f = sigmoid(before("f", x) + peep_f * c)
        g = np.tanh(before("g", x))
        c = f * c + i * g
        h = sigmoid(before("o", x) + peep_o * c) * np.tanh(c)
        outputs.append(h)
    return outputs, c


def untied_first(x: Numbers, weights: Weights) -> tuple[Numbers, Numbers]:
    """The memoryless first step of Pătrăucean et al.: h and c for one input (C, H, W)."""
    parts = np.split(weights["first_weight"], 3), np.split(weights["first_bias"], 3)
    i, g, o = (product(x, w) + shaped(b, x) for w, b in zip(*parts, strict=True))
    c = sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru(xs: Numbers, weights: Weights) -> list[Numbers]:
    """Outputs of every step of GRU-RCN for inputs (T, C, H, W) from a state of zeros."""
    hidden = weights["candidate_weight"].shape[0]
    z_in, r_in, g_in = np.split(weights["input_weight"], 3)
    z_bias, r_bias, g_bias = np.split(weights["bias"], 3)
    z_own, r_own = np.split(weights["gate_weight"], 2)
    h = np.zeros((hidden, *xs.shape[2:]))
    outputs = []
    for x in xs:
        z = sigmoid(product(x, z_in) + product(h, z_own) + shaped(z_bias, x))
        r = sigmoid(product(x, r_in) + product(h, r_own) + shaped(r_bias, x))
        past = product(r * h, weights["candidate_weight"])
        g = np.tanh(product(x, g_in) + past + shaped(g_bias, x))
        h = (1 - z) * h + z * g
        outputs.append(h)
    return outputs
