"""PyTorch on a GPU as a peer: python pytorch_cuda.py FOLDER WORKLOAD MODE PRECISION THREADS

MODE is eager, channels-last, compile, max-autotune (which records CUDA graphs of
its own) or whole-graph: compiled by max-autotune, and the whole step with its
Adam recorded as one CUDA graph. PRECISION is f32, tf32 or bf16, by autocast.
"""

import contextlib
import sys

import torch
from safetensors.torch import load_file

import nets
from protocol import digest, run, serve

COMPILED = {"compile": "default", "max-autotune": "max-autotune", "whole-graph": "max-autotune-no-cudagraphs"}
MODES = ["eager", "channels-last", *COMPILED]
DEVICE = "cuda"


def compiled(f, mode):
    return torch.compile(f, mode=COMPILED[mode]) if mode in COMPILED else f


def precise(precision):
    """Makes products be of that precision, and returns what steps run under."""
    if precision not in ("f32", "tf32", "bf16"):
        raise ValueError(f"there is no precision {precision}, want f32, tf32 or bf16")
    fast = precision != "f32"
    torch.backends.cuda.matmul.allow_tf32 = fast
    torch.backends.cudnn.allow_tf32 = fast
    torch.backends.cudnn.benchmark = True
    if precision == "bf16":
        return lambda: torch.autocast(DEVICE, torch.bfloat16)
    return contextlib.nullcontext


def batches_of(images, size, mode):
    x = nets.flip(images.to(DEVICE).permute(0, 3, 1, 2).float() / 255).contiguous()
    if mode != "eager":
        x = x.contiguous(memory_format=torch.channels_last)
    return list(x.split(size))


class Training:
    def __init__(self, net, batches, noise, rate, mode, under):
        self.net, self.batches, self.noise, self.done, self.under = net, batches, noise, 0, under
        self.adam = torch.optim.Adam(net.parameters(), lr=rate, fused=True, capturable=mode == "whole-graph")
        self.loss_of = compiled(net, mode)
        self.graph = None
        if mode == "whole-graph":
            self.record()

    def whole(self, x, noise):
        self.adam.zero_grad(set_to_none=True)
        with self.under():
            self.loss = self.loss_of(x, noise)
        self.loss.backward()
        self.adam.step()

    def inputs(self):
        noise = self.noise[self.done % nets.NOISE_STEPS] if self.noise is not None else None
        return self.batches[self.done % len(self.batches)], noise

    def record(self):
        """Warms up on another stream and records a step on inputs of its own; the
        weights are then put back."""
        before = [p.detach().clone() for p in self.net.parameters()]
        buffers = [b.detach().clone() for b in self.net.buffers()]
        x, noise = self.inputs()
        self.x, self.eps = x.clone(), None if noise is None else noise.clone()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(5):
                self.whole(self.x, self.eps)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.whole(self.x, self.eps)
        with torch.no_grad():
            for p, was in zip(self.net.parameters(), before):
                p.copy_(was)
                for value in self.adam.state[p].values():
                    value.zero_()
            for b, was in zip(self.net.buffers(), buffers):
                b.copy_(was)

    def step(self):
        x, noise = self.inputs()
        if self.graph is None:
            self.whole(x, noise)
        else:
            self.x.copy_(x)
            if noise is not None:
                self.eps.copy_(noise)
            self.graph.replay()
        self.done += 1

    def wait(self):
        torch.cuda.synchronize()

    def value(self):
        return self.loss.item()


class Encoding:
    """From images in the host's memory to codes there, as ours."""

    def __init__(self, net, batches, mode, under):
        self.code_of, self.done, self.under = compiled(net.eval().code, mode), 0, under
        self.batches = [b.cpu().pin_memory() for b in batches]

    def step(self):
        x = self.batches[self.done % len(self.batches)].to(DEVICE, non_blocking=True)
        with torch.inference_mode(), self.under():
            self.codes = self.code_of(x).float().cpu()
        self.done += 1

    def wait(self):
        torch.cuda.synchronize()

    def value(self):
        return digest(self.codes.flatten().tolist())


def main():
    folder, workload, mode, precision, threads = sys.argv[1:]
    if mode not in MODES:
        raise ValueError(f"there is no mode {mode}, want one of {MODES}")
    if not torch.cuda.is_available():
        raise RuntimeError("this PyTorch sees no GPU")
    torch.set_num_threads(int(threads))
    under = precise(precision)
    make, size, rate = nets.NETS[workload]
    net = make()
    images = load_file(folder + "/images.safetensors")
    nets.load(net, load_file(folder + "/weights.safetensors"), images["images"].shape)
    net = net.to(DEVICE)
    if mode != "eager":
        net = net.to(memory_format=torch.channels_last)
    batches = batches_of(images["images"], size, mode)
    noise = images.get("noise")
    if workload.startswith("encode"):
        serve(Encoding(net, batches, mode, under))
    else:
        serve(Training(net, batches, None if noise is None else noise.to(DEVICE), rate, mode, under))


run(main)
