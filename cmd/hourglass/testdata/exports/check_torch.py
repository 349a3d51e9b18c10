"""Loads what hourglass export wrote into PyTorch, by the model.py beside it.

    python check_torch.py FOLDER

FOLDER is as check.py has it. Every model must load its weights strictly and give
the codes and images of Hourglass. Its state_dict is saved again, by safetensors
and by numpy, for hourglass import to read.
"""

import importlib.util
import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import save_file

BOUND = 1e-5


def apart(got, want):
    """The largest difference, in units of the largest number or 1."""
    if tuple(got.shape) != want.shape:
        sys.exit(f"check_torch.py: got {tuple(got.shape)}, want {want.shape}")
    return float(np.abs(got.numpy() - want).max() / max(1, np.abs(want).max()))


def load(folder):
    spec = importlib.util.spec_from_file_location("model", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load(folder / "model.safetensors")


def check(case):
    net = load(case / "exported")
    array = lambda name: np.load(case / (name + ".npy"))
    x, code = torch.from_numpy(array("image")), torch.from_numpy(array("code"))
    with torch.no_grad():
        worst = {
            "encode": apart(net.encode(x), array("code")),
            "decode": apart(net.decode(code), array("reconstruction")),
            "forward": apart(net(x), array("reconstruction")),
            "one": apart(net(x[:1]), array("reconstruction")[:1]),
        }
        if hasattr(net, "classify"):
            worst["classify"] = apart(net.classify(x), array("probabilities"))
    state = net.state_dict()
    save_file(state, case / "saved.safetensors")
    np.savez(case / "saved.npz", **{k: v.numpy() for k, v in state.items()})
    return worst


def main():
    torch.set_num_threads(1)
    bad = 0
    for case in sorted(pathlib.Path(sys.argv[1]).iterdir()):
        worst = check(case)
        good = all(v <= BOUND for v in worst.values())
        bad += not good
        print(f"{case.name:32}", *(f"{k} {v:.1e} " for k, v in worst.items()), "" if good else "WRONG")
    if bad:
        sys.exit(f"check_torch.py: {bad} models differ by more than {BOUND:g}")


if __name__ == "__main__":
    main()
