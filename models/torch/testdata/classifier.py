"""dense: fully connected layers of any widths. Written by Hourglass.

    import model
    net = model.load("model.safetensors")
    code = net.encode(images)     # float32 [N, 3, 9, 8] in [0, 1] to codes [N, z]
    images = net.decode(code)     # and back

Names and values of the weights are those of Hourglass, layouts PyTorch's.
"""

import torch
from torch import nn


class Dense(nn.Module):
    """An autoencoder: fully connected layers of any widths."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Flatten(),                                                # 0: [216]
            nn.Linear(216, 128),                                         # 1: [128]
            nn.GroupNorm(8, 128, eps=1e-05),                             # 2: [128]
            nn.ReLU(),                                                   # 3: [128]
            nn.Linear(128, 3),                                           # 4: [3]
            nn.ReLU(),                                                   # 5: [3]
        )
        self.decoder = nn.Sequential(
            nn.Linear(3, 128),                                           # 0: [128]
            nn.GroupNorm(8, 128, eps=1e-05),                             # 1: [128]
            nn.ReLU(),                                                   # 2: [128]
            nn.Linear(128, 216),                                         # 3: [216]
            nn.Unflatten(1, (3, 9, 8)),                                  # 4: [3, 9, 8]
        )
        self.head = nn.Linear(3, 4)

    def encode(self, x):
        """Images [N, C, H, W] to codes [N, z]."""
        return self.encoder(x)

    def decode(self, z):
        """Codes [N, z] to images [N, C, H, W]."""
        return torch.sigmoid(self.decoder(z))

    def forward(self, x):
        """Images to their reconstructions."""
        return self.decode(self.encode(x))

    def classify(self, x):
        """Images to the probabilities of the classes, [N, classes]."""
        return self.head(self.encode(x)).softmax(1)


def load(path="model.safetensors"):
    """Returns the model with the weights of a file, ready to be used."""
    from safetensors.torch import load_file

    net = Dense()
    net.load_state_dict(load_file(path), strict=True)
    return net.eval()
