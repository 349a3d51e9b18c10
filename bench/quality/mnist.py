"""MNIST as Hourglass reads it, for the PyTorch twins of the table.

The binarised images and the images held back for validation are those of Hourglass
(data/binary.go, data/order.go): both come from Philox4x32-10, keyed by a seed.
"""

import gzip
import pathlib

import numpy as np

STREAM_SPLIT, STREAM_BINARY = 3, 5  # data/random.go


def images(folder, split):
    name = {"train": "train", "test": "t10k"}[split] + "-images-idx3-ubyte"
    path = pathlib.Path(folder) / name
    raw = path.read_bytes() if path.exists() else gzip.decompress((path.parent / (name + ".gz")).read_bytes())
    return np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 784)


def philox(counter, key):
    """Blocks of four words; counter is four arrays of uint32."""
    c = [np.asarray(v, np.uint64) for v in counter]
    k0, k1, low = key & 0xFFFFFFFF, key >> 32, np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & low, (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, -1)


def words(seed, stream, index, count):
    """The first words of the sequences of an array of indices: a block's words come last first."""
    blocks = -(-count // 4)
    n = np.arange(blocks, dtype=np.uint64)
    index = np.asarray(index, np.uint64)[..., None]
    shape = np.broadcast_shapes(index.shape, n.shape)
    counter = [np.broadcast_to(v, shape) for v in (n, np.uint64(stream), index & np.uint64(0xFFFFFFFF), index >> np.uint64(32))]
    return philox(counter, seed)[..., ::-1].reshape(*shape[:-1], -1)[..., :count]


def binarized(x, split):
    """0 or 1 for every pixel, drawn once and for all with seed 1."""
    out = np.empty(x.shape, np.float32)
    first = {"train": 0, "test": 1}[split] << 32
    for at in range(0, len(x), 1000):
        u = words(1, STREAM_BINARY, first + np.arange(at, min(at + 1000, len(x)), dtype=np.uint64), 784) >> np.uint64(8)
        out[at:at + 1000] = u * np.uint64(255) < x[at:at + 1000].astype(np.uint64) << np.uint64(24)
    return out


def held_back(n, fraction, seed):
    """Which of n images are for validation."""
    order = []
    drawn = words(seed, STREAM_SPLIT, 0, 2 * n).reshape(n, 2)
    for i, (high, low) in enumerate(drawn.tolist()):
        j = ((high << 32 | low) * (i + 1)) >> 64
        order.append(order[j] if j < i else i)
        order[j] = i
    mask = np.zeros(n, bool)
    mask[order[:round(fraction * n)]] = True
    return mask
