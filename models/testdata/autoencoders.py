"""The four reference autoencoders in PyTorch, numbered and padded as Hourglass's.

PyTorch works in NCHW inside; forward() takes and gives NHWC. Submodule names are
the parameter names of the golden files.
"""

import torch
import torch.nn.functional as F
from torch import nn


def same_pads(size, kernel, stride):
    """TensorFlow's "same": (before, after) for one axis, the smaller half before."""
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def crop_transposed(full, out_h, out_w, top, left):
    """Cut (or fill with zeros) an unpadded transposed convolution's output.

    full is [N,C,(h-1)s+k,(w-1)s+k]; the result is the input gradient of the
    convolution whose padding before is (top, left) and whose input is out_h by out_w.
    """
    h, w = full.shape[2:]
    return F.pad(full, (-left, out_w + left - w, -top, out_h + top - h))


class SameConv2d(nn.Conv2d):
    def forward(self, x):
        k, s = self.kernel_size, self.stride
        top, bottom = same_pads(x.shape[2], k[0], s[0])
        left, right = same_pads(x.shape[3], k[1], s[1])
        return F.conv2d(F.pad(x, (left, right, top, bottom)), self.weight, self.bias, s)


class SameConvTranspose2d(nn.ConvTranspose2d):
    def forward(self, x):
        k, s = self.kernel_size, self.stride
        out_h, out_w = x.shape[2] * s[0], x.shape[3] * s[1]
        full = F.conv_transpose2d(x, self.weight, None, s)
        y = crop_transposed(full, out_h, out_w, same_pads(out_h, k[0], s[0])[0], same_pads(out_w, k[1], s[1])[0])
        return y + self.bias.view(1, -1, 1, 1)


class FlattenNHWC(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1)


class ReshapeNHWC(nn.Module):
    def __init__(self, h, w, c):
        super().__init__()
        self.hwc = (h, w, c)

    def forward(self, x):
        return x.reshape(x.shape[0], *self.hwc).permute(0, 3, 1, 2)


def conv_encoder(*tail):
    return nn.Sequential(
        SameConv2d(1, 32, 3, stride=2), nn.ReLU(),
        SameConv2d(32, 64, 3, stride=2), nn.ReLU(),
        FlattenNHWC(), *tail)


def conv_decoder(latent, *tail):
    return nn.Sequential(
        nn.Linear(latent, 7 * 7 * 64), nn.ReLU(), ReshapeNHWC(7, 7, 64),
        SameConvTranspose2d(64, 64, 3, stride=2), nn.ReLU(),
        SameConvTranspose2d(64, 32, 3, stride=2), nn.ReLU(),
        SameConvTranspose2d(32, 1, 3, stride=1), *tail)


class Autoencoder(nn.Module):
    """Deterministic: the loss is the mean squared error over all elements."""

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def terms(self, x, noise):
        """x is NHWC; noise is unused. Returns the loss and nothing to split it into."""
        y = self.decoder(self.encoder(x.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)
        return F.mse_loss(y, x), {}

    def outputs(self, x, noise):
        code = self.encoder(x.permute(0, 3, 1, 2))
        return {"code": code, "reconstruction": self.decoder(code).permute(0, 2, 3, 1)}


class Variational(nn.Module):
    """(1/N)·[sum of BCE with logits + KL], z = mean + exp(logvar/2)·noise.

    Kingma & Welling, Auto-Encoding Variational Bayes, 2013, beta = 1.
    """

    def __init__(self, encoder, width, latent, decoder):
        super().__init__()
        self.encoder = encoder
        self.mean = nn.Linear(width, latent)
        self.logvar = nn.Linear(width, latent)
        self.decoder = decoder

    def outputs(self, x, noise):
        h = self.encoder(x.permute(0, 3, 1, 2))
        mean, logvar = self.mean(h), self.logvar(h)
        z = mean + torch.exp(0.5 * logvar) * noise
        return {
            "mean": mean, "logvar": logvar, "code": z,
            "logits": self.decoder(z).permute(0, 2, 3, 1),
            "reconstruction": torch.sigmoid(self.decoder(mean)).permute(0, 2, 3, 1),
        }

    def terms(self, x, noise):
        h = self.encoder(x.permute(0, 3, 1, 2))
        mean, logvar = self.mean(h), self.logvar(h)
        logits = self.decoder(mean + torch.exp(0.5 * logvar) * noise).permute(0, 2, 3, 1)
        n = x.shape[0]
        recon = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / n
        kl = -0.5 * torch.sum(1 + logvar - mean * mean - torch.exp(logvar)) / n
        return recon + kl, {"recon": recon, "kl": kl}


def dense():
    return Autoencoder(
        nn.Sequential(FlattenNHWC(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 32), nn.ReLU()),
        nn.Sequential(nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, 784), nn.Sigmoid(), ReshapeNHWC(28, 28, 1)))


def conv():
    return Autoencoder(conv_encoder(nn.Linear(3136, 2)), conv_decoder(2, nn.Sigmoid()))


def vae_dense():
    return Variational(
        nn.Sequential(FlattenNHWC(), nn.Linear(784, 400), nn.ReLU()), 400, 20,
        nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), ReshapeNHWC(28, 28, 1)))


def vae_conv():
    return Variational(conv_encoder(), 3136, 16, conv_decoder(16))


# name: (constructor, width of the code)
MODELS = {"dense": (dense, 32), "conv": (conv, 2), "vae_dense": (vae_dense, 20), "vae_conv": (vae_conv, 16)}
