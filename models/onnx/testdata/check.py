"""Computes functions that Hourglass wrote as ONNX in ONNX Runtime.

    python check.py FOLDER

FOLDER holds, for each function, NAME.onnx and NAME.N.x.npy and NAME.N.y.npy, its
input and what Hourglass makes of it, for two sizes N of the batch.
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

BOUND = 1e-5


def main():
    bad = 0
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
        onnx.checker.check_model(str(path), full_check=True)
        net = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        worst = 0.0
        for x in sorted(path.parent.glob(path.stem + ".*.x.npy")):
            want = np.load(str(x).replace(".x.npy", ".y.npy"))
            [got] = net.run(["y"], {"x": np.load(x)})
            if got.shape != want.shape or got.dtype != want.dtype:
                sys.exit(f"check.py: {path.stem}: got {got.dtype}{got.shape}, want {want.dtype}{want.shape}")
            worst = max(worst, float(np.abs(got - want).max() / max(1, np.abs(want).max())))
        bad += worst > BOUND
        print(f"{path.stem:20} {worst:.1e}", "WRONG" if worst > BOUND else "")
    if bad:
        sys.exit(f"check.py: {bad} functions differ by more than {BOUND:g}")


if __name__ == "__main__":
    main()
