"""The IWAE of iwae-binary-mnist.toml in PyTorch, for as many epochs as there is time.

    python3 bench/quality/torch_iwae.py MNIST_FOLDER EPOCHS

Same net, optimizer, batch and binarised images, the same images held back, and
the same kind of initial weights, drawn by PyTorch as its order and noise are (seed
0). It writes the validation bound of every epoch to torch_iwae.json, which the
table's program draws beside ours.
PyTorch 2.15.0, numpy.
"""

import json
import math
import pathlib
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

sys.dont_write_bytecode = True
import mnist

CODES, LATENT, BATCH, RATE = 50, 40, 100, 1e-4


class IWAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU())
        self.mean, self.logvar = nn.Linear(400, LATENT), nn.Linear(400, LATENT)
        self.decoder = nn.Sequential(nn.Linear(LATENT, 400), nn.ReLU(), nn.Linear(400, 784))

    def loss(self, x):
        """-L_k, mean over the batch (Burda et al., 2016)."""
        h = self.encoder(x)
        mean, logvar = self.mean(h), self.logvar(h)
        noise = torch.randn(CODES, len(x), LATENT)
        z = mean + torch.exp(0.5 * logvar) * noise
        surprise = F.binary_cross_entropy_with_logits(self.decoder(z), x.expand(CODES, -1, -1), reduction="none").sum(-1)
        log_w = 0.5 * (noise ** 2 + logvar - z ** 2).sum(-1) - surprise
        return -(torch.logsumexp(log_w, 0) - math.log(CODES)).mean()


def keras_start(net):
    """Hourglass's default: Glorot-uniform weights, zero biases."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)


def main():
    folder, epochs = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x = mnist.binarized(mnist.images(folder, "train"), "train")
    held = mnist.held_back(len(x), 1 / 6, 0)
    train, validation = torch.from_numpy(x[~held]), torch.from_numpy(x[held])
    net = IWAE()
    keras_start(net)
    adam = torch.optim.Adam(net.parameters(), lr=RATE)
    history, began = [], time.time()
    for epoch in range(1, epochs + 1):
        total = 0.0
        for index in torch.randperm(len(train)).split(BATCH):
            adam.zero_grad()
            loss = net.loss(train[index])
            loss.backward()
            adam.step()
            total += loss.item() * len(index)
        with torch.no_grad():
            val = sum(net.loss(b).item() * len(b) for b in validation.split(BATCH)) / len(validation)
        history.append({"epoch": epoch, "train_loss": total / len(train), "val_loss": val, "seconds": time.time() - began})
        path = pathlib.Path(__file__).with_name("torch_iwae.json")
        path.write_text(json.dumps({"torch": torch.__version__, "epochs": history}, indent=1) + "\n")
        print(history[-1], flush=True)


if __name__ == "__main__":
    main()
