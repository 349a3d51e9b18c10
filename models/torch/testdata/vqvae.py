"""vqvae: convolutions around a grid of codes from a learned codebook. Written by Hourglass.

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


class Codebook(nn.Module):
    """The codes that each place of an image becomes the nearest of, and the moving
    averages of how often they are used in training."""

    def __init__(self, codes, size):
        super().__init__()
        self.register_buffer("weight", torch.zeros(codes, size))
        self.register_buffer("count", torch.zeros(codes))

    def forward(self, z):
        near = 2 * z @ self.weight.T - self.weight.square().sum(1)
        return self.weight[near.argmax(-1)]


class VQVAE(nn.Module):
    """An autoencoder: convolutions around a grid of codes from a learned codebook."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            Conv2dSame(3, 4, 3, stride=2),                               # 0: [4, 5, 4]
            nn.LeakyReLU(0.01),                                          # 1: [4, 5, 4]
            Conv2dSame(4, 6, 5, stride=2),                               # 2: [6, 3, 2]
            nn.LeakyReLU(0.01),                                          # 3: [6, 3, 2]
            nn.Conv2d(6, 3, 1),                                          # 4: [3, 3, 2]
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(3, 6, 5, padding=2),                               # 0: [6, 3, 2]
            nn.LeakyReLU(0.01),                                          # 1: [6, 3, 2]
            ConvTranspose2dSame(6, 6, 5, stride=2, size=(5, 4)),         # 2: [6, 5, 4]
            nn.LeakyReLU(0.01),                                          # 3: [6, 5, 4]
            ConvTranspose2dSame(6, 4, 3, stride=2, size=(9, 8)),         # 4: [4, 9, 8]
            nn.LeakyReLU(0.01),                                          # 5: [4, 9, 8]
            nn.ConvTranspose2d(4, 3, 3, padding=1),                      # 6: [3, 9, 8]
        )
        self.codebook = Codebook(7, 3)

    def encode(self, x):
        """Images [N, C, H, W] to codes [N, z]: at each place of the grid the nearest
        code of the codebook, place by place."""
        z = self.encoder(x)  # [N, 3, 3, 2]
        return self.codebook(z.permute(0, 2, 3, 1)).flatten(1)

    def grid(self, z):
        """Codes [N, z] as the image that the decoder takes."""
        return z.unflatten(1, (3, 2, 3)).permute(0, 3, 1, 2)

    def decode(self, z):
        """Codes [N, z] to images [N, C, H, W]."""
        return self.decoder(self.grid(z))

    def forward(self, x):
        """Images to their reconstructions."""
        return self.decode(self.encode(x))


def load(path="model.safetensors"):
    """Returns the model with the weights of a file, ready to be used."""
    from safetensors.torch import load_file

    net = VQVAE()
    net.load_state_dict(load_file(path), strict=True)
    return net.eval()
