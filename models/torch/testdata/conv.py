"""colorization: gives colours to grey images. Written by Hourglass.

    import model
    net = model.load("model.safetensors")
    code = net.encode(images)     # float32 [N, 3, 9, 8] in [0, 1] to codes [N, z]
    images = net.decode(code)     # and back

Names and values of the weights are those of Hourglass, layouts PyTorch's.
"""

import torch
from torch import nn
from torch.nn import functional as F


def same(x, kernel, stride):
    """TensorFlow's "same" padding of windows, as F.pad takes it."""
    pads = []
    for n, k, s in zip(x.shape[2:], *(v if isinstance(v, tuple) else (v, v) for v in (kernel, stride))):
        total = max((-(-n // s) - 1) * s + k - n, 0)
        pads = [total // 2, total - total // 2] + pads
    return pads


class AvgPool2dSame(nn.AvgPool2d):
    """The mean of windows that begin before the image and end behind it where their
    size does not divide it. What lies outside does not count."""

    def forward(self, x):
        pads = same(x, self.kernel_size, self.stride)
        inside = F.pad(torch.ones_like(x[:1, :1]), pads)
        return super().forward(F.pad(x, pads)) / super().forward(inside)


class Crop(nn.Module):
    """The top left corner of an image."""

    def __init__(self, height, width):
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x):
        return x[:, :, : self.height, : self.width]


class Luma(nn.Module):
    """Grey of red, green and blue (Rec. ITU-R BT.601): all that the encoder sees."""

    def forward(self, x):
        return 0.299 * x[:, 0:1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:3]


class Colorization(nn.Module):
    """An autoencoder: gives colours to grey images."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            Luma(),                                                      # 0: [1, 9, 8]
            nn.Conv2d(1, 4, 3, padding=1),                               # 1: [4, 9, 8]
            nn.BatchNorm2d(4, eps=1e-05, momentum=0.1),                  # 2: [4, 9, 8]
            nn.ReLU(),                                                   # 3: [4, 9, 8]
            nn.Dropout(0.25),                                            # 4: [4, 9, 8]
            AvgPool2dSame(2),                                            # 5: [4, 5, 4]
            nn.Conv2d(4, 6, 5, padding=2),                               # 6: [6, 5, 4]
            nn.BatchNorm2d(6, eps=1e-05, momentum=0.1),                  # 7: [6, 5, 4]
            nn.ReLU(),                                                   # 8: [6, 5, 4]
            nn.Dropout(0.25),                                            # 9: [6, 5, 4]
            AvgPool2dSame(2),                                            # 10: [6, 3, 2]
            nn.Flatten(),                                                # 11: [36]
            nn.Linear(36, 3),                                            # 12: [3]
            nn.Identity(),                                               # 13: [3]
        )
        self.decoder = nn.Sequential(
            nn.Linear(3, 36),                                            # 0: [36]
            nn.ReLU(),                                                   # 1: [36]
            nn.Unflatten(1, (6, 3, 2)),                                  # 2: [6, 3, 2]
            nn.Upsample(scale_factor=2, mode="nearest"),                 # 3: [6, 6, 4]
            Crop(5, 4),                                                  # 4: [6, 5, 4]
            nn.Conv2d(6, 6, 5, padding=2),                               # 5: [6, 5, 4]
            nn.BatchNorm2d(6, eps=1e-05, momentum=0.1),                  # 6: [6, 5, 4]
            nn.ReLU(),                                                   # 7: [6, 5, 4]
            nn.Dropout(0.25),                                            # 8: [6, 5, 4]
            nn.Upsample(scale_factor=2, mode="nearest"),                 # 9: [6, 10, 8]
            Crop(9, 8),                                                  # 10: [6, 9, 8]
            nn.Conv2d(6, 4, 3, padding=1),                               # 11: [4, 9, 8]
            nn.BatchNorm2d(4, eps=1e-05, momentum=0.1),                  # 12: [4, 9, 8]
            nn.ReLU(),                                                   # 13: [4, 9, 8]
            nn.Dropout(0.25),                                            # 14: [4, 9, 8]
            nn.Conv2d(4, 3, 3, padding=1),                               # 15: [3, 9, 8]
        )

    def encode(self, x):
        """Images [N, C, H, W] to codes [N, z]."""
        return self.encoder(x)

    def decode(self, z):
        """Codes [N, z] to images [N, C, H, W]."""
        return torch.sigmoid(self.decoder(z))

    def forward(self, x):
        """Images to their reconstructions."""
        return self.decode(self.encode(x))


def load(path="model.safetensors"):
    """Returns the model with the weights of a file, ready to be used."""
    from safetensors.torch import load_file

    net = Colorization()
    net.load_state_dict(load_file(path), strict=True)
    return net.eval()
