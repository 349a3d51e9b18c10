"""ONNX Runtime as a peer: python onnx_runtime.py FOLDER WORKLOAD THREADS

The encoder is exported with torch.onnx from the weights in FOLDER.
"""

import os
import sys
import tempfile

import numpy as np
import onnxruntime
import torch
from safetensors.torch import load_file

import nets
from protocol import digest, run, serve


class Encoding:
    def __init__(self, session, batches):
        self.session, self.batches, self.done = session, batches, 0

    def step(self):
        self.codes = self.session.run(None, {"x": self.batches[self.done % len(self.batches)]})[0]
        self.done += 1

    def value(self):
        return digest(self.codes.ravel().tolist())


def exported(net, x):
    """The path of the encoder as an ONNX file."""
    path = os.path.join(tempfile.mkdtemp(), "encoder.onnx")
    torch.onnx.export(net.encoder.eval(), (x,), path, input_names=["x"], dynamo=True, external_data=False, verbose=False)
    return path


def main():
    folder, workload, threads = sys.argv[1:]
    make, size, _ = nets.NETS[workload]
    net = make()
    images = load_file(folder + "/images.safetensors")["images"]
    nets.load(net, load_file(folder + "/weights.safetensors"), images.shape)
    x = nets.flip(images.permute(0, 3, 1, 2).float() / 255).contiguous()
    batches = [np.ascontiguousarray(b.numpy()) for b in x.split(size)]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    path = exported(net, torch.from_numpy(batches[0]))
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    os.remove(path)
    os.rmdir(os.path.dirname(path))
    serve(Encoding(session, batches))


run(main)
