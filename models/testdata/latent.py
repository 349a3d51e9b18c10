"""Small autoencoders that differ in their code: variational, quantised, of one dimension.

Images are those of composed.py, or the middle row of golden_batches as a window of
28 steps. What is drawn at random is recorded and an input of the test: `noise` is ε
of the codes, `prior` the codes of the prior.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import formula
from autoencoders import FlattenNHWC, ReshapeNHWC, SameConv2d, SameConvTranspose2d
from composed import small


def dense_layers(latent):
    """Encoder up to the features, their number, decoder to the logits; 8×8 images."""
    return (nn.Sequential(FlattenNHWC(), nn.Linear(64, 24), nn.ReLU()), 24,
            nn.Sequential(nn.Linear(latent, 24), nn.ReLU(), nn.Linear(24, 64), ReshapeNHWC(8, 8, 1)))


def conv_layers(latent, rows=8, columns=8):
    """The same of two blocks of stride 2; one row makes them of one dimension."""
    k, s = ((1, 3), (1, 2)) if rows == 1 else (3, 2)
    h, w = -(-rows // 4), columns // 4
    down = [SameConv2d(1, 4, k, stride=s), nn.ReLU(), SameConv2d(4, 6, k, stride=s), nn.ReLU()]
    up = [SameConvTranspose2d(6, 6, k, stride=s), nn.ReLU(),
          SameConvTranspose2d(6, 4, k, stride=s), nn.ReLU(), SameConvTranspose2d(4, 1, k, stride=1)]
    return (nn.Sequential(*down, FlattenNHWC()), h * w * 6,
            nn.Sequential(nn.Linear(latent, h * w * 6), nn.ReLU(), ReshapeNHWC(h, w, 6), *up))


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


class Variational(nn.Module):
    """VAE of one code an image, with the options of Hourglass's.

    sigma None is the Bernoulli likelihood, "learned" a Gaussian whose ln σ is the
    parameter logsigma. warmup is in steps; free is in nats for each unit.
    """

    def __init__(self, layers, latent, beta=1.0, warmup=0, free=0.0, sigma=None):
        super().__init__()
        self.encoder, width, self.decoder = layers
        self.mean, self.logvar = nn.Linear(width, latent), nn.Linear(width, latent)
        self.beta, self.warmup, self.free, self.sigma = beta, warmup, free, sigma
        if sigma == "learned":
            self.logsigma = nn.Parameter(torch.zeros(1))

    def surprise(self, logits, x):
        """-ln p(x|z) of every pixel."""
        if self.sigma is None:
            return F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")
        log = self.logsigma if self.sigma == "learned" else torch.tensor(math.log(self.sigma), dtype=x.dtype)
        return -torch.distributions.Normal(torch.sigmoid(logits), log.exp()).log_prob(x)

    def terms(self, x, drawn, step):
        h = self.encoder(nchw(x))
        mean, logvar = self.mean(h), self.logvar(h)
        logits = nhwc(self.decoder(mean + torch.exp(0.5 * logvar) * drawn["noise"]))
        q = torch.distributions.Normal(mean, torch.exp(0.5 * logvar))
        units = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).mean(0)
        weight = self.beta * (min(1.0, step / self.warmup) if self.warmup else 1.0)
        recon = self.surprise(logits, x).sum() / len(x)
        return recon + weight * torch.clamp(units, min=self.free).sum(), {"kl": units.sum()}


class ImportanceWeighted(Variational):
    """Burda et al.: -E[ln mean w] of k codes an image; noise is [k, N, z].

    With dreg the encoder's gradient is that of Tucker et al.: q's parameters are held
    where they are, and what comes back to a code is multiplied by its weight.
    """

    def __init__(self, layers, latent, dreg=False, **options):
        super().__init__(layers, latent, **options)
        self.dreg = dreg

    def terms(self, x, drawn, step):
        h = self.encoder(nchw(x))
        mean, logvar = self.mean(h), self.logvar(h)
        z = mean + torch.exp(0.5 * logvar) * drawn["noise"]
        if self.dreg:
            mean, logvar = mean.detach(), logvar.detach()
        q = torch.distributions.Normal(mean, torch.exp(0.5 * logvar))
        logits = nhwc(self.decoder(z.flatten(0, 1))).reshape(*z.shape[:2], *x.shape[1:])
        prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
        log_w = prior - q.log_prob(z).sum(-1) - self.surprise(logits, x).sum((2, 3, 4))
        bound = (torch.logsumexp(log_w, 0) - math.log(len(z))).mean()
        if self.dreg and z.requires_grad:
            weight = torch.softmax(log_w, 0).detach().unsqueeze(-1)
            z.register_hook(lambda grad: weight * grad)
        return -bound, {"elbo": log_w.mean()}


class Quantised(nn.Module):
    """van den Oord et al. with codes as moving averages."""

    def __init__(self, codes, width, decay, commitment):
        super().__init__()
        self.encoder = nn.Sequential(SameConv2d(1, 4, 3, stride=2), nn.ReLU(), SameConv2d(4, 6, 3, stride=2), nn.ReLU(),
                                     SameConv2d(6, width, 1))
        self.decoder = nn.Sequential(SameConv2d(width, 6, 3), nn.ReLU(), SameConvTranspose2d(6, 6, 3, stride=2), nn.ReLU(),
                                     SameConvTranspose2d(6, 4, 3, stride=2), nn.ReLU(), SameConvTranspose2d(4, 1, 3))
        self.codebook = nn.Module()
        start = formula.initial("codebook.weight", (codes, width), codes)
        self.codebook.register_buffer("weight", torch.from_numpy(start))
        self.codebook.register_buffer("count", torch.zeros(codes))
        self.codebook.register_buffer("sum", torch.zeros(codes, width))  # m of the paper: weight = sum / count
        self.decay, self.commitment = decay, commitment

    def terms(self, x, drawn, step):
        z = nhwc(self.encoder(nchw(x)))
        flat = z.reshape(-1, z.shape[-1])
        near = torch.cdist(flat, self.codebook.weight).argmin(1)
        q = self.codebook.weight[near].reshape(z.shape).clone()
        y = torch.sigmoid(nhwc(self.decoder(nchw(z + (q - z).detach()))))
        commitment = F.mse_loss(z, q)
        self.move(flat.detach(), near)
        return F.mse_loss(y, x) + self.commitment * commitment, {"commitment": commitment}

    @torch.no_grad()
    def move(self, z, near):
        book, codes = self.codebook, len(self.codebook.count)
        chosen = F.one_hot(near, codes).to(z.dtype)
        book.count.mul_(self.decay).add_(chosen.sum(0), alpha=1 - self.decay)
        book.sum.mul_(self.decay).add_(chosen.T @ z, alpha=1 - self.decay)
        seen = book.count > 0
        book.weight[seen] = book.sum[seen] / book.count[seen, None]


class Wasserstein(nn.Module):
    """Tolstikhin et al., WAE-MMD with one inverse multiquadratic kernel."""

    def __init__(self, layers, latent, weight):
        super().__init__()
        front, width, self.decoder = layers
        self.encoder = nn.Sequential(*front, nn.Linear(width, latent))
        self.weight = weight

    def terms(self, x, drawn, step):
        z, prior = self.encoder(nchw(x)), drawn["prior"]
        n, scale = len(z), 2.0 * z.shape[1]

        def kernel(a, b):
            return scale / (scale + ((a[:, None] - b[None]) ** 2).sum(-1))

        others = ~torch.eye(n, dtype=torch.bool)
        mmd = (kernel(z, z)[others].sum() + kernel(prior, prior)[others].sum()) / (n * (n - 1)) - 2 * kernel(z, prior).mean()
        recon = ((torch.sigmoid(nhwc(self.decoder(z))) - x) ** 2).sum() / n
        return recon + self.weight * mmd, {"mmd": mmd}


class Sequence(nn.Module):
    def __init__(self, layers, latent):
        super().__init__()
        front, width, self.decoder = layers
        self.encoder = nn.Sequential(*front, nn.Linear(width, latent))

    def terms(self, x, drawn, step):
        return F.mse_loss(torch.sigmoid(nhwc(self.decoder(self.encoder(nchw(x))))), x), {}


def cases(batches):
    """Name: (constructor, images, what is drawn)."""
    x = small(batches)
    rows = np.ascontiguousarray(batches[:, :, 13:14])
    n, images = x.shape[:2]

    def drawn(key, name, *shape):
        return {key: formula.normal(f"{name}/{key}", (n, *shape))}

    return {
        "vae": (lambda: Variational(dense_layers(6), 6, beta=2.0, warmup=4, free=0.02), x, drawn("noise", "vae", images, 6)),
        "vae_sigma": (lambda: Variational(conv_layers(5), 5, sigma="learned"), x, drawn("noise", "vae_sigma", images, 5)),
        "vae_sequence": (lambda: Variational(conv_layers(5, 1, 28), 5, sigma=0.3), rows, drawn("noise", "vae_sequence", images, 5)),
        "iwae": (lambda: ImportanceWeighted(dense_layers(6), 6), x, drawn("noise", "iwae", 5, images, 6)),
        "iwae_conv": (lambda: ImportanceWeighted(conv_layers(4), 4, sigma=0.5), x, drawn("noise", "iwae_conv", 3, images, 4)),
        "iwae_dreg": (lambda: ImportanceWeighted(dense_layers(6), 6, dreg=True), x, drawn("noise", "iwae_dreg", 5, images, 6)),
        "iwae_dreg_conv": (lambda: ImportanceWeighted(conv_layers(4), 4, dreg=True, sigma=0.5), x,
                            drawn("noise", "iwae_dreg_conv", 3, images, 4)),
        "vqvae": (lambda: Quantised(8, 3, decay=0.8, commitment=0.25), x, {}),
        "wae": (lambda: Wasserstein(dense_layers(5), 5, 10.0), x, drawn("prior", "wae", images, 5)),
        "sequence": (lambda: Sequence(conv_layers(5, 1, 28), 5), rows, {}),
    }
