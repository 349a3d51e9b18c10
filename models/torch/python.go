package torch

// supports are the classes that a model.py holds if a layer wants them.
var supports = []struct{ name, code string }{
	{"same", `def same(x, kernel, stride):
    """TensorFlow's "same" padding of windows, as F.pad takes it."""
    pads = []
    for n, k, s in zip(x.shape[2:], *(v if isinstance(v, tuple) else (v, v) for v in (kernel, stride))):
        total = max((-(-n // s) - 1) * s + k - n, 0)
        pads = [total // 2, total - total // 2] + pads
    return pads
`},
	{"Conv2dSame", `class Conv2dSame(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding: the result is the image's size
    divided by the stride and rounded up; of an odd padding the larger half lies
    behind."""

    def forward(self, x):
        return super().forward(F.pad(x, same(x, self.kernel_size, self.stride)))
`},
	{"ConvTranspose2dSame", `class ConvTranspose2dSame(nn.ConvTranspose2d):
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
`},
	{"MaxPool2dSame", `class MaxPool2dSame(nn.MaxPool2d):
    """The maximum of windows that begin before the image and end behind it where
    their size does not divide it. What lies outside never wins."""

    def forward(self, x):
        return super().forward(F.pad(x, same(x, self.kernel_size, self.stride), value=float("-inf")))
`},
	{"AvgPool2dSame", `class AvgPool2dSame(nn.AvgPool2d):
    """The mean of windows that begin before the image and end behind it where their
    size does not divide it. What lies outside does not count."""

    def forward(self, x):
        pads = same(x, self.kernel_size, self.stride)
        inside = F.pad(torch.ones_like(x[:1, :1]), pads)
        return super().forward(F.pad(x, pads)) / super().forward(inside)
`},
	{"Crop", `class Crop(nn.Module):
    """The top left corner of an image."""

    def __init__(self, height, width):
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x):
        return x[:, :, : self.height, : self.width]
`},
	{"Luma", `class Luma(nn.Module):
    """Grey of red, green and blue (Rec. ITU-R BT.601): all that the encoder sees."""

    def forward(self, x):
        return 0.299 * x[:, 0:1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:3]
`},
	{"Codebook", `class Codebook(nn.Module):
    """The codes that each place of an image becomes the nearest of, and the moving
    averages of how often they are used in training."""

    def __init__(self, codes, size):
        super().__init__()
        self.register_buffer("weight", torch.zeros(codes, size))
        self.register_buffer("count", torch.zeros(codes))

    def forward(self, z):
        near = 2 * z @ self.weight.T - self.weight.square().sum(1)
        return self.weight[near.argmax(-1)]
`},
}

// The methods of the kinds of models.
const (
	deterministic = `
    def encode(self, x):
        """Images [N, C, H, W] to codes [N, z]."""
        return self.encoder(x)
`
	variational = `
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
`
	quantizing = `
    def encode(self, x):
        """Images [N, C, H, W] to codes [N, z]: at each place of the grid the nearest
        code of the codebook, place by place."""
        z = self.encoder(x)  # [N, %d, %d, %d]
        return self.codebook(z.permute(0, 2, 3, 1)).flatten(1)

    def grid(self, z):
        """Codes [N, z] as the image that the decoder takes."""
        return z.unflatten(1, (%d, %d, %d)).permute(0, 3, 1, 2)
`
	decoding = `
    def decode(self, z):
        """Codes [N, z] to images [N, C, H, W]."""
        return %s

    def forward(self, x):
        """Images to their reconstructions."""
        return self.decode(self.encode(x))
`
	classifying = `
    def classify(self, x):
        """Images to the probabilities of the classes, [N, classes]."""
        return self.head(self.encode(x)).softmax(1)
`
)

// loading ends a model.py.
const loading = `def load(path="model.safetensors"):
    """Returns the model with the weights of a file, ready to be used."""
    from safetensors.torch import load_file

    net = CLASS()
    net.load_state_dict(load_file(path), strict=True)
    return net.eval()
`
