"""Numbers that a Go test can compute again bit for bit: weights, images, noise.

The generator is splitmix64 used as a counter: every element is a pure function
of (seed, name, index), so no stream has to be replayed in order.
"""

import math

import numpy as np

SEED = 20240611

_GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def fnv1a64(name):
    """FNV-1a, 64 bits, of the name's UTF-8 bytes."""
    h = 0xCBF29CE484222325
    for b in name.encode():
        h = ((h ^ b) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def uniform24(name, count, seed=SEED):
    """count float32 values k/2^24 in [0, 1); each is exact."""
    base = np.uint64((seed + fnv1a64(name)) & 0xFFFFFFFFFFFFFFFF)
    index = np.arange(1, count + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = base + index * _GOLDEN_GAMMA
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)


def symmetric(name, shape, bound=1.0):
    """float32 values (2u-1)*bound in [-bound, bound), row-major.

    2u-1 is exact, so there is one rounding: the multiplication.
    """
    u = uniform24(name, math.prod(shape))
    return ((np.float32(2) * u - np.float32(1)) * np.float32(bound)).reshape(shape)


def initial(name, shape, fan_in):
    """A parameter in Hourglass's layout, uniform within 1/sqrt(fan_in)."""
    return symmetric(name, shape, np.float32(math.sqrt(1.0 / fan_in)))


def normal(name, shape):
    """float32 standard normals (Box-Muller in float64). Recorded, not recomputed."""
    n = math.prod(shape)
    u = 1.0 - uniform24(name + "/radius", n).astype(np.float64)
    v = uniform24(name + "/angle", n).astype(np.float64)
    z = np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * np.pi * v)
    return z.astype(np.float32).reshape(shape)


def images(steps, batch, side=28):
    """Curved strokes on black, [steps, batch, side, side, 1], each pixel k/255.

    A stroke is nine overlapping round dots along a quadratic curve, so that,
    as in MNIST, most pixels are exactly 0 and the border always is.
    """
    out = np.zeros((steps * batch, side, side), np.float64)
    rows, cols = np.mgrid[0:side, 0:side].astype(np.float64)
    for i in range(steps * batch):
        u = uniform24(f"image/{i}", 7).astype(np.float64)
        ends = 6.0 + (side - 12.0) * u[:6].reshape(3, 2)
        width = 1.2 + 0.8 * u[6]
        for t in np.linspace(0.0, 1.0, 9):
            r, c = (1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * ends[1] + t * t * ends[2]
            dot = np.exp(-((rows - r) ** 2 + (cols - c) ** 2) / (2 * width * width))
            out[i] = np.maximum(out[i], dot)
    out[out < 0.08] = 0.0
    levels = np.rint(out * 255.0).astype(np.float32)
    return (levels / np.float32(255)).reshape(steps, batch, side, side, 1)
