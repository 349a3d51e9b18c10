"""Reads what hourglass export wrote with the packages of requirements.txt.

    python check.py FOLDER

FOLDER holds a folder for each model: exported/ with all formats, image.npy as
input, and code.npy and reconstruction.npy, what Hourglass computes. Every ONNX
file must pass onnx.checker in full and give the same numbers in ONNX Runtime, for
any number of images; safetensors and NPZ must hold the same weights.
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

BOUND = 1e-5


def apart(got, want):
    """The largest difference, in units of the largest number or 1."""
    if got.shape != want.shape or got.dtype != want.dtype:
        sys.exit(f"check.py: got {got.dtype}{got.shape}, want {want.dtype}{want.shape}")
    return float(np.abs(got - want).max() / max(1, np.abs(want).max()))


def session(path):
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path)
    if not any(p.key == "hourglass.model" for p in model.metadata_props):
        sys.exit(f"check.py: {path} has no metadata of its model")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def check(case):
    """The largest differences of each file of a case."""
    exported, worst = case / "exported", {}
    array = lambda name: np.load(case / (name + ".npy"))
    files = {"encoder": ("image", "code"), "decoder": ("code", "reconstruction"), "model": ("image", "reconstruction")}
    if (exported / "classifier.onnx").exists():
        files["classifier"] = ("image", "probabilities")
    for name, (before, after) in files.items():
        net, x, want = session(exported / (name + ".onnx")), array(before), array(after)
        worst[name] = 0.0
        for n in (len(x), 1):
            [got] = net.run([after], {before: x[:n]})
            worst[name] = max(worst[name], apart(got, want[:n]))
    tensors, arrays = load_file(exported / "model.safetensors"), np.load(exported / "model.npz")
    if set(tensors) != set(arrays.files) or any(not np.array_equal(tensors[k], arrays[k]) for k in tensors):
        sys.exit(f"check.py: {case.name}: model.safetensors and model.npz differ")
    return worst


def main():
    bad = 0
    for case in sorted(pathlib.Path(sys.argv[1]).iterdir()):
        worst = check(case)
        good = all(v <= BOUND for v in worst.values())
        bad += not good
        print(f"{case.name:32}", *(f"{k} {v:.1e} " for k, v in worst.items()), "" if good else "WRONG")
    if bad:
        sys.exit(f"check.py: {bad} models differ by more than {BOUND:g}")


if __name__ == "__main__":
    main()
