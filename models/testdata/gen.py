"""Writes Hourglass's golden files. PyTorch 2.15.0, numpy 2.4, safetensors 0.8; seed 20240611.

    python3 -m pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0
    python3 models/testdata/gen.py

The tensors and the formula of the weights are described in README.md beside this
file. Every model runs twice, in float32 and in float64: the float32 numbers are
recorded, and nothing is written when the two runs differ by more than rounding.
"""

import json
import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import save_file

sys.dont_write_bytecode = True

import composed
import formula
import latent
import ops
import stages
from autoencoders import MODELS

TORCH = "2.15.0"
HERE = pathlib.Path(__file__).resolve().parent
STEPS, BATCH = 10, 8
ADAM = dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8)

# Larger tensors are recorded as a sample with row and column sums, so that the
# files stay small. 11 is coprime to every width, so the sample meets every row
# and every column.
WHOLE_GRADIENT, WHOLE_FINAL, SAMPLE_STRIDE = 131072, 40000, 11

# Bounds on float32 against float64; see deviations() for what they bound.
MAX_GRADIENT, MAX_LOSS, MAX_FINAL = 5e-6, 2e-6, 5e-5


def to_hourglass(t):
    """OIHW, or IOHW of a transposed convolution, to [kh,kw,*,*]; [out,in] to [in,out]."""
    return {4: lambda: t.permute(2, 3, 1, 0), 2: lambda: t.t(), 1: lambda: t}[t.dim()]().contiguous()


def to_torch(t):
    return {4: lambda: t.permute(3, 2, 0, 1), 2: lambda: t.t(), 1: lambda: t}[t.dim()]().contiguous()


def initial_weights(net):
    """Parameter name: numpy float32 array in Hourglass's layout."""
    shapes = {n: tuple(to_hourglass(p.detach()).shape) for n, p in net.named_parameters()}
    out = {}
    for name, shape in shapes.items():
        weight = shapes.get(name.rsplit(".", 1)[0] + ".weight", shape)
        out[name] = formula.initial(name, shape, int(np.prod(weight[:-1])))
    return out


def train(make, weights, batches, noise, dtype):
    """Ten Adam steps from the given weights; every result as a numpy array."""
    net = started(make, weights, dtype)
    x = torch.from_numpy(batches).to(dtype)
    eps = torch.from_numpy(noise).to(dtype)
    with torch.no_grad():
        outputs = {k: v.numpy().copy() for k, v in net.outputs(x[0], eps[0]).items()}
    return dict(outputs=outputs, **ten_steps(net, lambda step: net.terms(x[step], eps[step])))


def started(make, weights, dtype):
    net = make().to(dtype)
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(to_torch(torch.from_numpy(weights[name])))
    return net


def ten_steps(net, terms):
    """Steps of Adam on what terms(step) returns: the loss and what it is made of."""
    params = {n: p for n, p in net.named_parameters() if p.requires_grad}
    adam = torch.optim.Adam(params.values(), **ADAM)
    losses, gradients = {"loss": []}, {}
    for step in range(STEPS):
        adam.zero_grad()
        loss, parts = terms(step)
        loss.backward()
        if step == 0:
            gradients = {n: to_hourglass(p.grad).numpy().copy() for n, p in params.items()}
        adam.step()
        for k, v in {"loss": loss, **parts}.items():
            losses.setdefault(k, []).append(v.item())
    final = {n: to_hourglass(p.detach()).numpy().copy() for n, p in params.items()}
    return dict(losses={k: np.array(v) for k, v in losses.items()}, gradients=gradients, final=final)


def deviations(a, b):
    """How far the float32 run a is from the float64 run b.

    Gradients: largest difference over the tensor's largest gradient. Losses:
    largest relative difference. Final weights: largest absolute difference.
    """
    d = {}
    for n, g in b["gradients"].items():
        d["gradient." + n] = np.abs(a["gradients"][n] - g).max() / np.abs(g).max()
    for n, w in b["final"].items():
        d["final." + n] = np.abs(a["final"][n] - w).max()
    for k, v in b["losses"].items():
        d[k] = np.abs(a["losses"][k] / v - 1).max()
    return d


def check(model, d):
    for k, v in d.items():
        bound = MAX_GRADIENT if k.startswith("gradient.") else MAX_FINAL if k.startswith("final.") else MAX_LOSS
        if not v <= bound:
            sys.exit(f"gen.py: {model}: {k} differs by {v:.3g} between float32 and float64, wants at most {bound:g}")


def record(out, key, value, whole):
    """Adds a tensor in full, or its sample and sums when it has more than `whole` elements."""
    if value.size <= whole:
        out[key] = value
        return
    out[key + ".sample"] = value.reshape(-1)[::SAMPLE_STRIDE].copy()
    out[key + ".rowsum"] = value.sum(axis=1, dtype=np.float64)
    out[key + ".colsum"] = value.sum(axis=0, dtype=np.float64)


def golden(model, make, latent, batches):
    weights = initial_weights(make())
    noise = formula.normal(model + "/noise", (STEPS, BATCH, latent))
    single = train(make, weights, batches, noise, torch.float32)
    double = train(make, weights, batches, noise, torch.float64)
    d = deviations(single, double)
    check(model, d)

    out = {k: v for k, v in single["outputs"].items()}
    if model.startswith("vae"):
        out["noise"] = noise
    for k, v in single["losses"].items():
        out[k] = v.astype(np.float32)
        out[k + ".float64"] = double["losses"][k]
    for n in weights:
        out["initial." + n + ".first"] = weights[n].reshape(-1)[:8].copy()
        record(out, "gradient." + n, single["gradients"][n], WHOLE_GRADIENT)
        record(out, "final." + n, single["final"][n], WHOLE_FINAL)
    for k, v in d.items():
        out["deviation." + k] = np.array([v], np.float64)
    write(f"golden_{model}.safetensors", out)
    worst = {p: max(v for k, v in d.items() if k.startswith(p)) for p in ("gradient.", "final.", "loss")}
    print(f"  loss {single['losses']['loss'][0]:.6f} to {single['losses']['loss'][-1]:.6f};"
          f" float32 against float64: gradient {worst['gradient.']:.2g},"
          f" final {worst['final.']:.2g}, loss {worst['loss']:.2g}")


def golden_composed(batches):
    """All cases of composed.py in one file, each tensor behind its case's name."""
    out = {}
    for case, (make, images, extra, options) in composed.cases(batches).items():
        weights = initial_weights(make())

        def run(dtype):
            net = started(make, weights, dtype)
            x, drawn = (torch.from_numpy(images).to(dtype), {k: torch.from_numpy(v).to(dtype) for k, v in extra.items()})
            return ten_steps(net, lambda step: composed.terms(net, x[step], {k: v[step] for k, v in drawn.items()}, **options))

        single, double = run(torch.float32), run(torch.float64)
        check(case, deviations(single, double))
        for k, v in extra.items():
            out[f"{case}/{k}"] = v
        for k, v in double["losses"].items():
            out[f"{case}/{k}"] = v
        for n in weights:
            out[f"{case}/gradient.{n}"] = double["gradients"][n].astype(np.float32)
            out[f"{case}/final.{n}"] = double["final"][n].astype(np.float32)
    write("golden_composed.safetensors", out)


def golden_cases(file, cases):
    """All cases of latent.py or stages.py in one file, each tensor behind its case's name."""
    out = {}
    for case, (make, images, extra) in cases.items():
        weights = initial_weights(make())

        def run(dtype):
            net = started(make, weights, dtype)
            x, drawn = torch.from_numpy(images).to(dtype), {k: torch.from_numpy(v).to(dtype) for k, v in extra.items()}
            result = ten_steps(net, lambda step: net.terms(x[step], {k: v[step] for k, v in drawn.items()}, step))
            result["final"].update({n: v.numpy().copy() for n, v in net.named_buffers()})
            return result

        single, double = run(torch.float32), run(torch.float64)
        check(case, deviations(single, double))
        for k, v in {**extra, **double["losses"]}.items():
            out[f"{case}/{k}"] = v
        for kind, values in (("gradient", double["gradients"]), ("final", double["final"])):
            out.update({f"{case}/{kind}.{n}": v.astype(np.float32) for n, v in values.items()})
        print(f"  {case}: {double['losses']['loss'][0]:.6f} to {double['losses']['loss'][-1]:.6f}")
    write(file, out)


def write(name, tensors):
    # One metadata key only: the writer does not order several.
    meta = {"hourglass": json.dumps({"torch": TORCH, "seed": formula.SEED}, sort_keys=True)}
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, HERE / name, metadata=meta)
    (HERE / name).chmod(0o644)
    print(f"{name}: {len(tensors)} tensors, {(HERE / name).stat().st_size / 1e3:.0f} kB")


def main():
    if torch.__version__.split("+")[0] != TORCH:
        sys.exit(f"gen.py: wants PyTorch {TORCH}, got {torch.__version__}; pip install torch=={TORCH}")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    batches = formula.images(STEPS, BATCH)
    write("golden_batches.safetensors", {"batches": batches})
    for model, (make, width) in MODELS.items():
        golden(model, make, width, batches)
    golden_composed(batches)
    golden_cases("golden_latent.safetensors", latent.cases(batches))
    golden_cases("golden_stages.safetensors", stages.cases(batches))
    tensors, cases = ops.cases()
    write("golden_ops.safetensors", tensors)
    (HERE / "golden_ops.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
    print(f"golden_ops.json: {len(cases)} cases")


if __name__ == "__main__":
    main()
