"""What trains a part of a net: the layers of stacked models, and classifiers.

Images are those of composed.py. `labels` are the classes of the images; parameters
that a case leaves as they are have no gradient.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import formula
from autoencoders import FlattenNHWC, ReshapeNHWC, SameConv2d, SameConvTranspose2d
from composed import small


def stack_dense():
    """64-24-12-5 and back, sigmoids inside."""
    return (nn.Sequential(FlattenNHWC(), nn.Linear(64, 24), nn.Sigmoid(), nn.Linear(24, 12), nn.Sigmoid(), nn.Linear(12, 5), nn.Identity()),
            nn.Sequential(nn.Linear(5, 12), nn.Sigmoid(), nn.Linear(12, 24), nn.Sigmoid(), nn.Linear(24, 64), ReshapeNHWC(8, 8, 1)))


def stack_conv():
    """Two blocks of stride 2, whose mirrors have the channels of the layer below."""
    return (nn.Sequential(SameConv2d(1, 4, 3, stride=2), nn.ReLU(), SameConv2d(4, 6, 3, stride=2), nn.ReLU(),
                          FlattenNHWC(), nn.Linear(24, 5), nn.Identity()),
            nn.Sequential(nn.Linear(5, 24), nn.ReLU(), ReshapeNHWC(2, 2, 6), SameConvTranspose2d(6, 4, 3, stride=2), nn.ReLU(),
                          SameConvTranspose2d(4, 1, 3, stride=2)))


class Whole(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def terms(self, x, drawn, step):
        y = torch.sigmoid(self.decoder(self.encoder(x.permute(0, 3, 1, 2)))).permute(0, 2, 3, 1)
        return F.mse_loss(y, x), {}


class Stage(Whole):
    """Layers `up` of the encoder and `down` of the decoder learn; those in front of `up` do not."""

    def __init__(self, encoder, decoder, up, down):
        super().__init__(encoder, decoder)
        self.up, self.down = range(*up), range(*down)
        for i, layer in enumerate(encoder):
            layer.requires_grad_(i in self.up)
        for i, layer in enumerate(decoder):
            layer.requires_grad_(i in self.down)

    def terms(self, x, drawn, step):
        h = x.permute(0, 3, 1, 2)
        for i in range(self.up.start):
            h = self.encoder[i](h)
        target = h
        for i in self.up:
            h = self.encoder[i](h)
        for i in self.down:
            h = self.decoder[i](h)
        if self.up.start == 0:
            h = torch.sigmoid(h)
        return F.mse_loss(h, target.detach()), {}


class Classifier(nn.Module):
    def __init__(self, encoder, width, classes, head_only=False):
        super().__init__()
        self.encoder, self.head = encoder.requires_grad_(not head_only), nn.Linear(width, classes)

    def terms(self, x, drawn, step):
        labels = drawn["labels"][:, 0].long()
        return nn.CrossEntropyLoss()(self.head(self.encoder(x.permute(0, 3, 1, 2))), labels), {}


def cases(batches):
    """Name: (constructor, images, what is drawn)."""
    x = small(batches)
    n, images = x.shape[:2]
    labels = {"labels": np.floor(5 * formula.uniform24("labels", n * images)).astype(np.float32).reshape(n, images, 1)}
    return {
        "stacked": (lambda: Whole(*stack_dense()), x, {}),
        "stacked_1": (lambda: Stage(*stack_dense(), (0, 3), (4, 6)), x, {}),
        "stacked_2": (lambda: Stage(*stack_dense(), (3, 5), (2, 4)), x, {}),
        "stacked_3": (lambda: Stage(*stack_dense(), (5, 7), (0, 2)), x, {}),
        "stacked_conv": (lambda: Whole(*stack_conv()), x, {}),
        "stacked_conv_1": (lambda: Stage(*stack_conv(), (0, 2), (5, 6)), x, {}),
        "stacked_conv_2": (lambda: Stage(*stack_conv(), (2, 4), (3, 5)), x, {}),
        "stacked_conv_3": (lambda: Stage(*stack_conv(), (4, 7), (0, 3)), x, {}),
        "classifier": (lambda: Classifier(stack_dense()[0], 5, 5), x, labels),
        "classifier_head": (lambda: Classifier(stack_conv()[0], 5, 5, head_only=True), x, labels),
    }
