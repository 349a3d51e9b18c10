"""Small autoencoders with the options that Hourglass composes.

Images are 8×8: every second pixel of the middle of golden_batches; a colour image
is three of them. What is drawn at random is recorded and an input of the test:
`input` is the corrupted image, `missing` is 1 where the loss counts, `v` is the
vector of the Jacobian's estimate.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import formula
from autoencoders import FlattenNHWC, ReshapeNHWC, SameConv2d, SameConvTranspose2d


def small(batches):
    return np.ascontiguousarray(batches[:, :, 6:22:2, 6:22:2, :])


def coloured(x):
    return np.concatenate([np.roll(x, -i, axis=1) for i in range(3)], axis=-1)


class Luma(nn.Module):
    def forward(self, x):
        return 0.299 * x[:, 0:1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:3]


def dense(widths, activation, code, output=nn.Sigmoid, channels=1):
    sizes = [64 * channels, *widths]
    encoder = [FlattenNHWC()]
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        encoder += [nn.Linear(a, b), activation()]
    encoder += [nn.Linear(*sizes[-2:]), code()]
    decoder = []
    for a, b in zip(sizes[:1:-1], sizes[-2:0:-1]):
        decoder += [nn.Linear(a, b), activation()]
    decoder += [nn.Linear(sizes[1], sizes[0]), ReshapeNHWC(8, 8, channels)]
    return Net(nn.Sequential(*encoder), nn.Sequential(*decoder), output())


def conv(latent, activation, code=nn.Identity, front=(), channels=1):
    encoder = nn.Sequential(*front, SameConv2d(1, 4, 3, stride=2), activation(), SameConv2d(4, 6, 3, stride=2), activation(),
                            FlattenNHWC(), nn.Linear(24, latent), code())
    decoder = nn.Sequential(nn.Linear(latent, 24), activation(), ReshapeNHWC(2, 2, 6),
                            SameConvTranspose2d(6, 6, 3, stride=2), activation(),
                            SameConvTranspose2d(6, 4, 3, stride=2), activation(),
                            SameConvTranspose2d(4, channels, 3, stride=1))
    return Net(encoder, decoder, nn.Sigmoid())


class Net(nn.Module):
    def __init__(self, encoder, decoder, output):
        super().__init__()
        self.encoder, self.decoder, self.output = encoder, decoder, output


def terms(net, x, extra, l1=0.0, kl=None, contractive=0.0):
    """The loss, and its penalties without their weights. x is NHWC."""
    seen = extra.get("input", x).clone().requires_grad_(contractive > 0)
    code = net.encoder(seen.permute(0, 3, 1, 2))
    y = net.output(net.decoder(code)).permute(0, 2, 3, 1)
    loss = ((y - x) ** 2 * extra.get("missing", torch.ones_like(x[..., :1]))).mean()
    parts = {}
    if l1:
        parts["sparsity"] = code.abs().sum() / len(x)
        loss = loss + l1 * parts["sparsity"]
    if kl:
        rho, weight = kl
        mean = code.mean(0)
        parts["sparsity"] = (rho * torch.log(rho / mean) + (1 - rho) * torch.log((1 - rho) / (1 - mean))).sum()
        loss = loss + weight * parts["sparsity"]
    if contractive:
        vectors = [extra["v"]] if "v" in extra else [F.one_hot(torch.tensor(j), code.shape[1]).to(x.dtype).expand_as(code)
                                                     for j in range(code.shape[1])]
        pulled = [torch.autograd.grad(code, seen, v, create_graph=True)[0] for v in vectors]
        parts["contractive"] = sum((g ** 2).sum() for g in pulled) / len(x)
        loss = loss + contractive * parts["contractive"]
    return loss, parts


def corrupted(name, x):
    noise = formula.normal(name + "/noise", x.shape)
    return np.clip(x + np.float32(0.3) * noise, 0, 1).astype(np.float32)


def square(name, x):
    """A square of three by three at a random place of each image."""
    missing = np.zeros(x.shape[:4] + (1,), np.float32)
    places = (formula.uniform24(name + "/place", 2 * x.shape[0] * x.shape[1]).reshape(x.shape[0], x.shape[1], 2) * 6).astype(int)
    for step in range(x.shape[0]):
        for i, (top, left) in enumerate(places[step]):
            missing[step, i, top:top + 3, left:left + 3] = 1
    return missing


def signs(name, shape):
    return np.where(formula.uniform24(name + "/v", int(np.prod(shape))) < 0.5, -1, 1).astype(np.float32).reshape(shape)


def cases(batches):
    """Name: (constructor, images, what is drawn, options of terms)."""
    x = small(batches)
    c = coloured(x)
    n, images = x.shape[:2]
    missing = square("inpainting", x)
    return {
        "deep": (lambda: dense([24, 12, 5], nn.Tanh, nn.Identity), x, {}, {}),
        "linear": (lambda: dense([6], nn.Identity, nn.Identity, nn.Identity), x, {}, {}),
        "denoising": (lambda: conv(5, nn.ReLU), x, {"input": corrupted("denoising", x)}, {}),
        "inpainting": (lambda: dense([24, 6], nn.ReLU, nn.ReLU), x, {"input": x * (1 - missing), "missing": missing}, {}),
        "colorization": (lambda: conv(5, nn.ReLU, front=[Luma()], channels=3), c, {}, {}),
        "sparse_l1": (lambda: dense([24, 32], nn.ReLU, nn.ReLU), x, {}, {"l1": 1e-2}),
        "sparse_kl": (lambda: dense([80], nn.Sigmoid, nn.Sigmoid), x, {}, {"kl": (0.1, 0.01)}),
        "contractive_dense": (lambda: dense([6], nn.Sigmoid, nn.Sigmoid), x, {}, {"contractive": 0.1}),
        "contractive_conv": (lambda: conv(3, nn.Softplus, nn.Tanh), x, {}, {"contractive": 0.1}),
        "hutchinson": (lambda: conv(3, nn.ReLU, nn.Sigmoid), x, {"v": signs("hutchinson", (n, images, 3))}, {"contractive": 0.1}),
        "everything": (lambda: conv(4, nn.ELU, nn.Sigmoid, front=[Luma()], channels=3), c, {"input": corrupted("everything", c)},
                       {"kl": (0.2, 0.1), "contractive": 0.05}),
    }
