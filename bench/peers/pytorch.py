"""PyTorch as a peer: python pytorch.py FOLDER WORKLOAD MODE THREADS

MODE is eager, channels-last, compile or max-autotune; the last two are
channels-last too. FOLDER holds weights.safetensors and images.safetensors.
"""

import sys

import torch
from safetensors.torch import load_file

import nets
from protocol import answer, digest, run, serve

COMPILED = {"compile": "default", "max-autotune": "max-autotune"}
MODES = ["eager", "channels-last", *COMPILED]


def compiled(f, mode):
    return torch.compile(f, mode=COMPILED[mode]) if mode in COMPILED else f


def batches_of(images, size, mode):
    """Batches [N C H W] in [0, 1], flipped, from our bytes [N H W C]."""
    x = nets.flip(images.permute(0, 3, 1, 2).float() / 255).contiguous()
    if mode != "eager":
        x = x.contiguous(memory_format=torch.channels_last)
    return list(x.split(size))


class Training:
    def __init__(self, net, batches, noise, rate, mode):
        self.net, self.batches, self.noise, self.done = net, batches, noise, 0
        self.adam = torch.optim.Adam(net.parameters(), lr=rate, fused=True)
        self.loss_of = compiled(net, mode)

    def step(self):
        self.adam.zero_grad(set_to_none=True)
        noise = self.noise[self.done % nets.NOISE_STEPS] if self.noise is not None else None
        self.loss = self.loss_of(self.batches[self.done % len(self.batches)], noise)
        self.loss.backward()
        self.adam.step()
        self.done += 1

    def value(self):
        return self.loss.item()


class Encoding:
    def __init__(self, net, batches, mode):
        if mode in COMPILED:
            import torch._inductor.config
            torch._inductor.config.freezing = True
        self.code_of, self.batches, self.done = compiled(net.eval().code, mode), batches, 0

    def step(self):
        with torch.inference_mode():
            self.codes = self.code_of(self.batches[self.done % len(self.batches)])
        self.done += 1

    def value(self):
        return digest(self.codes.flatten().tolist())


def first_step(mode):
    """Takes one step, without our weights and images: only the time is of interest."""
    make, size, rate = nets.NETS["first-step"]
    net = make()
    x = torch.rand(size, 1, 28, 28)
    if mode != "eager":
        net, x = net.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    training = Training(net, [x], None, rate, mode)
    training.step()
    answer(f"value {training.value():.9g}")
    sys.stdin.readline()  # the parent reads our memory before it says quit


def main():
    folder, workload, mode, threads = sys.argv[1:]
    if mode not in MODES:
        raise ValueError(f"there is no mode {mode}, want one of {MODES}")
    torch.set_num_threads(int(threads))
    if workload == "first-step":
        return first_step(mode)
    make, size, rate = nets.NETS[workload]
    net = make()
    images = load_file(folder + "/images.safetensors")
    nets.load(net, load_file(folder + "/weights.safetensors"), images["images"].shape)
    if mode != "eager":
        net = net.to(memory_format=torch.channels_last)
    batches = batches_of(images["images"], size, mode)
    if workload.startswith("encode"):
        serve(Encoding(net, batches, mode))
    else:
        serve(Training(net, batches, images.get("noise"), rate, mode))


run(main)
