"""The networks of bench/workload.go in PyTorch, and our weights in its layouts.

Our "same" padding of a stride of 2 adds a row at the end; PyTorch's fast path,
padding=1, adds it at the start. On images that are flipped both ways, with
filters flipped likewise, the two are the same function. So peers flip images and
weights once and then run what a PyTorch user would write.
"""

import torch
import torch.nn.functional as F
from torch import nn

NOISE_STEPS = 20


def conv(channels, filters, stride):
    return nn.Conv2d(channels, filters, 3, stride, padding=1)


def conv_transpose(channels, filters, stride):
    return nn.ConvTranspose2d(channels, filters, 3, stride, padding=1, output_padding=stride - 1)


class Unflatten(nn.Module):
    def __init__(self, channels, side):
        super().__init__()
        self.shape = (channels, side, side)

    def forward(self, x):
        return x.reshape(x.shape[0], *self.shape)


class Autoencoder(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def code(self, x):
        return self.encoder(x)

    def forward(self, x, noise):
        return F.mse_loss(self.decoder(self.encoder(x)).reshape(x.shape), x)


class Variational(nn.Module):
    def __init__(self, encoder, features, latent, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.mean, self.logvar = nn.Linear(features, latent), nn.Linear(features, latent)

    def forward(self, x, noise):
        h = self.encoder(x)
        mean, logvar = self.mean(h), self.logvar(h)
        logits = self.decoder(mean + torch.exp(0.5 * logvar) * noise)
        recon = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        return (recon - 0.5 * torch.sum(1 + logvar - mean * mean - torch.exp(logvar))) / x.shape[0]


def seed_conv():
    return Autoencoder(
        nn.Sequential(conv(1, 32, 2), nn.ReLU(), conv(32, 64, 2), nn.ReLU(), nn.Flatten(), nn.Linear(3136, 2)),
        nn.Sequential(nn.Linear(2, 3136), nn.ReLU(), Unflatten(64, 7),
                      conv_transpose(64, 64, 2), nn.ReLU(), conv_transpose(64, 32, 2), nn.ReLU(),
                      conv_transpose(32, 1, 1), nn.Sigmoid()))


def dense():
    return Autoencoder(
        nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 32), nn.ReLU()),
        nn.Sequential(nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, 784), nn.Sigmoid()))


def vae64():
    down = [conv(3, 32, 2), nn.ReLU(), conv(32, 64, 2), nn.ReLU(), conv(64, 128, 2), nn.ReLU(), conv(128, 256, 2), nn.ReLU()]
    up = [conv_transpose(256, 128, 2), nn.ReLU(), conv_transpose(128, 64, 2), nn.ReLU(),
          conv_transpose(64, 32, 2), nn.ReLU(), conv_transpose(32, 3, 2)]
    return Variational(nn.Sequential(*down, nn.Flatten()), 4096, 64,
                       nn.Sequential(nn.Linear(64, 4096), nn.ReLU(), Unflatten(256, 4), *up))


def deep_conv():
    down, up, channels = [], [], 3
    for width in (64, 128, 256):
        for stride in (1, 1, 2):
            down += [conv(channels, width, stride), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
    for width, after in ((256, 128), (128, 64), (64, 3)):
        up += [conv_transpose(width, width, 2), nn.BatchNorm2d(width), nn.ReLU(),
               conv_transpose(width, width, 1), nn.BatchNorm2d(width), nn.ReLU(), conv_transpose(width, after, 1)]
        up += [nn.BatchNorm2d(after), nn.ReLU()] if after != 3 else [nn.Sigmoid()]
    return Autoencoder(nn.Sequential(*down, nn.Flatten(), nn.Linear(4096, 128)),
                       nn.Sequential(nn.Linear(128, 4096), nn.ReLU(), Unflatten(256, 4), *up))


# name: (constructor, images of a batch, Adam's learning rate)
NETS = {"seed-conv": (seed_conv, 128, 1e-3), "dense": (dense, 256, 1e-3), "vae64": (vae64, 64, 1e-3),
        "deep-conv": (deep_conv, 128, 2e-6), "encode": (seed_conv, 128, None), "encode-1": (seed_conv, 1, None),
        "first-step": (seed_conv, 128, 1e-3)}


def flip(t):
    return torch.flip(t, (2, 3))


def flipped_channels_first(rows, like):
    """Rows of a dense layer [H*W*C, n] as the flipped [C*H*W, n]."""
    side, channels = like
    return torch.flip(rows.reshape(side, side, channels, -1), (0, 1)).permute(2, 0, 1, 3).reshape(rows.shape)


def load(net, weights, image):
    """Gives the parameters the values of our arrays: [kh kw in out] or [kh kw out in]
    of (transposed) convolutions, [in out] of dense layers."""
    flat = {3136: (7, 64), 4096: (4, 256), 784: (28, 1)}  # of images next to dense layers
    with torch.no_grad():
        for name, p in net.named_parameters():
            w = weights.pop(name)
            if w.dim() == 4:
                w = flip(w.permute(3, 2, 0, 1))
            elif w.dim() == 2:
                if w.shape[0] in flat:
                    w = flipped_channels_first(w, flat[w.shape[0]])
                elif w.shape[1] in flat:
                    w = flipped_channels_first(w.t(), flat[w.shape[1]]).t()
                w = w.t()
            elif w.shape[0] in flat:
                w = flipped_channels_first(w[:, None], flat[w.shape[0]])[:, 0]
            p.copy_(w)
    left = [name for name in weights if not name.endswith(".running")]
    if left:
        raise ValueError(f"the network has no parameters {left}")
