"""PyTorch's figures of the table's rows: the same nets, optimizers, batches and epochs.

    python3 bench/quality/torch_twins.py MNIST_FOLDER [ROW ...]

Initial weights are Hourglass's default (Glorot-uniform, zero biases), drawn by
PyTorch, as are the order of images and all noise (seed 0); training is on the first
59,400 images. The figures are of the last epoch's weights. It writes
torch_twins.json. PyTorch 2.15.0, numpy; the nets are those of models/testdata.
"""

import json
import pathlib
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "models" / "testdata"))
import mnist
from autoencoders import (Autoencoder, FlattenNHWC, ReshapeNHWC, SameConv2d, SameConvTranspose2d, Variational,
                          conv_decoder, conv_encoder, dense, vae_dense)

BATCH, RATE = 128, 1e-3


def deep():
    widths = [784, 512, 256, 128, 32]
    encoder, decoder = [FlattenNHWC()], []
    for a, b in zip(widths, widths[1:]):
        encoder += [nn.Linear(a, b), nn.ReLU()]
        decoder = [nn.Linear(b, a), nn.ReLU(), *decoder]
    return Autoencoder(nn.Sequential(*encoder[:-1]), nn.Sequential(*decoder[:-1], nn.Sigmoid(), ReshapeNHWC(28, 28, 1)))


def conv(latent):
    return Autoencoder(conv_encoder(nn.Linear(3136, latent)), conv_decoder(latent, nn.Sigmoid()))


class Denoising(Autoencoder):
    def terms(self, x, noise):
        seen = (x + 0.5 * torch.randn_like(x)).clamp(0, 1)
        return F.mse_loss(self.outputs(seen, None)["reconstruction"], x), {}


def denoising():
    return Denoising(conv_encoder(nn.Linear(3136, 64)), conv_decoder(64, nn.Sigmoid()))


# row: (constructor, epochs, width of the code)
ROWS = {"dense": (dense, 10, 32), "deep": (deep, 10, 32), "conv-2": (lambda: conv(2), 3, 2), "conv-16": (lambda: conv(16), 3, 16),
        "vae": (vae_dense, 10, 20), "denoising": (denoising, 5, 64)}


def start(net):
    for layer in net.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)


def psnr(y, x):
    return (-10 * torch.log10(((y - x) ** 2).mean((1, 2, 3)).clamp(min=1e-10))).mean().item()


def figures(net, x, latent):
    out = {}
    with torch.no_grad():
        batches = x.split(500)
        if isinstance(net, Variational):
            parts = [net.terms(b, torch.randn(len(b), latent)) for b in batches]
            return {"elbo": -float(np.mean([p[0].item() for p in parts])), "kl": float(np.mean([p[1]["kl"].item() for p in parts]))}
        if isinstance(net, Denoising):
            seen = [(b + 0.5 * torch.randn_like(b)).clamp(0, 1) for b in batches]
            return {"psnr": float(np.mean([psnr(net.outputs(s, None)["reconstruction"], b) for s, b in zip(seen, batches)]))}
        out["mse"] = float(np.mean([net.terms(b, None)[0].item() for b in batches]))
    return out


def main():
    torch.set_num_threads(1)
    train, test = (torch.from_numpy(mnist.images(sys.argv[1], s).astype(np.float32) / 255).reshape(-1, 28, 28, 1) for s in ("train", "test"))
    train = train[:59400]
    path = HERE / "torch_twins.json"
    done = json.loads(path.read_text()) if path.exists() else {}
    for row in sys.argv[2:] or ROWS:
        make, epochs, latent = ROWS[row]
        torch.manual_seed(0)
        net = make()
        start(net)
        adam = torch.optim.Adam(net.parameters(), lr=RATE)
        began = time.time()
        for epoch in range(epochs):
            for index in torch.randperm(len(train)).split(BATCH):
                adam.zero_grad()
                net.terms(train[index], torch.randn(len(index), latent))[0].backward()
                adam.step()
            print(row, epoch + 1, f"{time.time() - began:.0f} s", flush=True)
        done[row] = figures(net, test, latent)
        print(row, done[row], flush=True)
        path.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
