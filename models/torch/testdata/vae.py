"""vae: variational, of dense layers or convolutions. Written by Hourglass.

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


class Conv2dSame(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding: the result is the image's size
    divided by the stride and rounded up; of an odd padding the larger half lies
    behind."""

    def forward(self, x):
        return super().forward(F.pad(x, same(x, self.kernel_size, self.stride)))


class ConvTranspose2dSame(nn.ConvTranspose2d):
    """The transpose of a convolution of images of the given size with TensorFlow's
    "same" padding: what would have been padding is cut off."""

    def __init__(self, *args, size, **kwargs):
        super().__init__(*args, **kwargs)
        self.size = size

    def forward(self, x):
        cut, beyond = [], []
        for n, k, s, size in zip(x.shape[2:], self.kernel_size, self.stride, self.size):
            total = (n - 1) * s + k - size
            cut.append(slice(max(total, 0) // 2, max(total, 0) // 2 + size))
            beyond.append(max(-total, 0))
        y = F.conv_transpose2d(x, self.weight, self.bias, self.stride, output_padding=beyond)
        return y[:, :, cut[0], cut[1]]


class VAE(nn.Module):
    """An autoencoder: variational, of dense layers or convolutions."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            Conv2dSame(3, 4, 3, stride=2),                               # 0: [4, 5, 4]
            nn.ReLU(),                                                   # 1: [4, 5, 4]
            Conv2dSame(4, 6, 5, stride=2),                               # 2: [6, 3, 2]
            nn.ReLU(),                                                   # 3: [6, 3, 2]
            nn.Flatten(),                                                # 4: [36]
        )
        self.mean = nn.Linear(36, 3)
        self.logvar = nn.Linear(36, 3)
        self.decoder = nn.Sequential(
            nn.Linear(3, 36),                                            # 0: [36]
            nn.ReLU(),                                                   # 1: [36]
            nn.Unflatten(1, (6, 3, 2)),                                  # 2: [6, 3, 2]
            ConvTranspose2dSame(6, 6, 5, stride=2, size=(5, 4)),         # 3: [6, 5, 4]
            nn.ReLU(),                                                   # 4: [6, 5, 4]
            ConvTranspose2dSame(6, 4, 3, stride=2, size=(9, 8)),         # 5: [4, 9, 8]
            nn.ReLU(),                                                   # 6: [4, 9, 8]
            nn.ConvTranspose2d(4, 3, 3, padding=1),                      # 7: [3, 9, 8]
        )

    def posterior(self, x):
        """Mean and ln of the variance of the codes of images, [N, z] each."""
        features = self.encoder(x)
        return self.mean(features), self.logvar(features)

    def encode(self, x):
        """Images [N, C, H, W] to the means of their codes, [N, z]."""
        return self.mean(self.encoder(x))

    def sample(self, mean, logvar):
        """Codes drawn from the distributions of posterior."""
        return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)

    def decode(self, z):
        """Codes [N, z] to images [N, C, H, W]."""
        return torch.sigmoid(self.decoder(z))

    def forward(self, x):
        """Images to their reconstructions."""
        return self.decode(self.encode(x))


def load(path="model.safetensors"):
    """Returns the model with the weights of a file, ready to be used."""
    from safetensors.torch import load_file

    net = VAE()
    net.load_state_dict(load_file(path), strict=True)
    return net.eval()
