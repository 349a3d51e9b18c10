"""Single operations in float64, in Hourglass's layouts.

Inputs are float32 values (so a float32 kernel reads them exactly); results are
float64. A case named C has the tensors C/x, C/w, ... that README.md lists.
"""

import torch
import torch.nn.functional as F

import formula
from autoencoders import crop_transposed, same_pads

H, W = 7, 5  # odd and unequal, so that "same" pads unevenly somewhere


class Recorder:
    def __init__(self):
        self.tensors, self.table = {}, []

    def draw(self, case, key, shape, bound=1.0):
        """An input: recorded as float32, returned as float64 that wants a gradient."""
        value = formula.symmetric(f"{case}/{key}", shape, bound)
        self.tensors[f"{case}/{key}"] = value
        return torch.from_numpy(value).double().requires_grad_()

    def put(self, case, key, t):
        self.tensors[f"{case}/{key}"] = t.detach().double().contiguous().numpy().copy()

    def add(self, case, op, **options):
        self.table.append({"name": case, "op": op, "options": options})

    def forward_backward(self, case, y, inputs):
        """Records y, a drawn upstream gradient dy (a scalar y has none) and d<input>."""
        self.put(case, "y", y if y.dim() else y.reshape(1))
        dy = self.draw(case, "dy", tuple(y.shape)).detach() if y.dim() else None
        for key, g in zip(inputs, torch.autograd.grad(y, list(inputs.values()), dy)):
            self.put(case, "d" + key, g)


def nchw(t):
    return t.permute(0, 3, 1, 2)


def nhwc(t):
    return t.permute(0, 2, 3, 1)


def padding(mode, k, s, h=H, w=W):
    """(top, bottom, left, right); explicit padding is k // 2 on every side."""
    if mode == "same":
        return same_pads(h, k, s) + same_pads(w, k, s)
    return (k // 2 if mode == "explicit" else 0,) * 4


def conv2d(r):
    for s in (1, 2, 3):
        for k in (1, 2, 3, 5):
            for mode in ("same", "valid", "explicit"):
                if k == 1 and mode == "explicit":
                    continue  # no padding: the valid case again
                case = f"conv2d/k{k}_s{s}_{mode}"
                n = 2 if k == 3 and s == 2 else 1
                top, bottom, left, right = pads = padding(mode, k, s)
                x, w = r.draw(case, "x", (n, H, W, 2)), r.draw(case, "w", (k, k, 2, 3))
                padded = F.pad(nchw(x), (left, right, top, bottom))
                y = nhwc(F.conv2d(padded, w.permute(3, 2, 0, 1), stride=s))
                r.add(case, "conv2d", kernel=k, stride=s, padding=mode, pads=pads)
                r.forward_backward(case, y, {"x": x, "w": w})


def conv_transpose2d(r):
    """w is [k,k,out,in]: the filter of the convolution whose input gradient this is."""
    for s in (1, 2, 3):
        for k in (1, 2, 3, 5):
            for mode, extra in (("same", 0), ("valid", 0), ("explicit", 0), ("explicit", s - 1)):
                case = f"conv_transpose2d/k{k}_s{s}_{mode}" + (f"_op{extra}" if extra else "")
                no_padding = k == 1 and mode == "explicit" and not extra  # the valid case again
                if no_padding or any(c["name"] == case for c in r.table):
                    continue
                n, h, wd = (2 if k == 3 and s == 2 else 1), 3, 2
                x, w = r.draw(case, "x", (n, h, wd, 3)), r.draw(case, "w", (k, k, 2, 3))
                filt = w.permute(3, 2, 0, 1)
                if mode == "same":
                    pads = padding(mode, k, s, h * s, wd * s)
                    full = F.conv_transpose2d(nchw(x), filt, stride=s)
                    y = crop_transposed(full, h * s, wd * s, pads[0], pads[2])
                else:
                    pads = padding(mode, k, s)
                    y = F.conv_transpose2d(nchw(x), filt, stride=s, padding=pads[0], output_padding=extra)
                r.add(case, "conv_transpose2d", kernel=k, stride=s, padding=mode, pads=pads, output_padding=extra)
                r.forward_backward(case, nhwc(y), {"x": x, "w": w})


def dense(r):
    case = "dense/3x5x4"
    x, w, b = r.draw(case, "x", (3, 5)), r.draw(case, "w", (5, 4)), r.draw(case, "b", (4,))
    r.add(case, "dense")
    r.forward_backward(case, F.linear(x, w.t(), b), {"x": x, "w": w, "b": b})


def pool(r):
    shape = (2, 5, 4, 2)
    for k, s, mode in ((2, 2, "valid"), (3, 2, "valid"), (3, 1, "explicit"), (3, 2, "explicit"), (2, 2, "same"), (3, 2, "same")):
        top, bottom, left, right = pads = padding(mode, k, s, *shape[1:3])
        around = (left, right, top, bottom)
        case = f"max_pool2d/k{k}_s{s}_{mode}"
        x = r.draw(case, "x", shape)
        y = F.max_pool2d(F.pad(nchw(x), around, value=-torch.inf), k, s)
        r.add(case, "max_pool2d", kernel=k, stride=s, padding=mode, pads=pads)
        r.forward_backward(case, nhwc(y), {"x": x})
        for include in (False, True) if mode == "explicit" else (False,):
            case = f"avg_pool2d/k{k}_s{s}_{mode}" + ("_include_pad" if include else "")
            x = r.draw(case, "x", shape)
            inside = torch.ones_like(nchw(x)).detach()
            y = F.avg_pool2d(F.pad(nchw(x), around), k, s)
            if not include:
                y = y / F.avg_pool2d(F.pad(inside, around), k, s)
            r.add(case, "avg_pool2d", kernel=k, stride=s, padding=mode, pads=pads, count_include_pad=include)
            r.forward_backward(case, nhwc(y), {"x": x})


def upsample(r):
    for mode in ("nearest", "bilinear"):
        for scale in (2, 3):
            case = f"upsample_{mode}/x{scale}"
            x = r.draw(case, "x", (2, 3, 4, 2))
            corners = {"align_corners": False} if mode == "bilinear" else {}
            y = F.interpolate(nchw(x), scale_factor=scale, mode=mode, **corners)
            r.add(case, "upsample_" + mode, scale=scale, **corners)
            r.forward_backward(case, nhwc(y), {"x": x})


def normalisation(r):
    eps, momentum = 1e-5, 0.1
    for form, shape in (("nhwc", (2, 3, 2, 4)), ("nc", (6, 4))):
        for training in (True, False):
            case = f"batch_norm/{form}_" + ("train" if training else "eval")
            x, gamma, beta = r.draw(case, "x", shape, 2.0), r.draw(case, "gamma", (4,)), r.draw(case, "beta", (4,))
            mean = r.draw(case, "running_mean", (4,)).detach().clone()
            var = formula.uniform24(case + "/running_var", 4) + 0.5
            r.tensors[case + "/running_var"] = var
            var = torch.from_numpy(var).double()
            channels_first = nchw(x) if form == "nhwc" else x
            y = F.batch_norm(channels_first, mean, var, gamma, beta, training, momentum, eps)
            r.add(case, "batch_norm", training=training, momentum=momentum, eps=eps)
            r.forward_backward(case, nhwc(y) if form == "nhwc" else y, {"x": x, "gamma": gamma, "beta": beta})
            if training:
                r.put(case, "running_mean_after", mean)
                r.put(case, "running_var_after", var)
    for groups in (1, 2, 4):
        case = f"group_norm/g{groups}"
        x, gamma, beta = r.draw(case, "x", (2, 3, 2, 4), 2.0), r.draw(case, "gamma", (4,)), r.draw(case, "beta", (4,))
        r.add(case, "group_norm", groups=groups, eps=eps)
        r.forward_backward(case, nhwc(F.group_norm(nchw(x), groups, gamma, beta, eps)), {"x": x, "gamma": gamma, "beta": beta})


def activations(r):
    # PyTorch's softplus turns linear above its threshold; 500 keeps it exact here.
    table = {
        "relu": (F.relu, {}),
        "leaky_relu": (lambda x: F.leaky_relu(x, 0.01), {"slope": 0.01}),
        "leaky_relu_steep": (lambda x: F.leaky_relu(x, 0.2), {"slope": 0.2}),
        "elu": (lambda x: F.elu(x, 1.0), {"alpha": 1.0}),
        "elu_half": (lambda x: F.elu(x, 0.5), {"alpha": 0.5}),
        "silu": (F.silu, {}),
        "gelu": (lambda x: F.gelu(x, approximate="none"), {"approximate": "none"}),
        "softplus": (lambda x: F.softplus(x, 1.0, 500.0), {}),
        "tanh": (torch.tanh, {}),
        "sigmoid": (torch.sigmoid, {}),
    }
    for name, (function, options) in table.items():
        for span, bound in (("near", 3.0), ("far", 60.0)):
            case = f"{name}/{span}"
            x = r.draw(case, "x", (12,), bound)
            r.add(case, name.removesuffix("_steep").removesuffix("_half"), **options)
            r.forward_backward(case, function(x), {"x": x})


def losses(r):
    table = {
        "mse": (F.mse_loss, {}), "l1": (F.l1_loss, {}),
        "huber": (lambda x, t: F.huber_loss(x, t, delta=1.0), {"delta": 1.0}),
        "bce_with_logits": (F.binary_cross_entropy_with_logits, {}),
    }
    for name, (function, options) in table.items():
        case = f"{name}/mean"
        x = r.draw(case, "x", (3, 4), 4.0)
        target = torch.from_numpy(formula.uniform24(case + "/target", 12).reshape(3, 4))
        r.tensors[case + "/target"] = target.numpy()
        r.add(case, name, reduction="mean", **options)
        r.forward_backward(case, function(x, target.double()), {"x": x})
    case = "gaussian_kl/sum_over_batch"
    mean, logvar = r.draw(case, "mean", (3, 4), 2.0), r.draw(case, "logvar", (3, 4), 2.0)
    r.add(case, "gaussian_kl", reduction="sum over latents, mean over batch")
    kl = -0.5 * torch.sum(1 + logvar - mean * mean - torch.exp(logvar)) / 3
    r.forward_backward(case, kl, {"mean": mean, "logvar": logvar})


def optimizers(r):
    adam = dict(lr=0.01, betas=(0.9, 0.999), eps=1e-8)
    table = {
        "adam": (torch.optim.Adam, adam), "adam_l2": (torch.optim.Adam, dict(adam, weight_decay=0.1)),
        "adamw": (torch.optim.AdamW, dict(adam, weight_decay=0.1)),
        "rmsprop": (torch.optim.RMSprop, dict(lr=0.01, alpha=0.99, eps=1e-8)),
        "rmsprop_momentum": (torch.optim.RMSprop, dict(lr=0.01, alpha=0.99, eps=1e-8, momentum=0.9)),
        "sgd": (torch.optim.SGD, dict(lr=0.1)),
        "sgd_momentum": (torch.optim.SGD, dict(lr=0.1, momentum=0.9)),
        "sgd_momentum_l2": (torch.optim.SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.1)),
    }
    for name, (make, options) in table.items():
        case = f"optimizer/{name}"
        w = torch.nn.Parameter(r.draw(case, "w", (10,)).detach().clone())
        gradients = r.draw(case, "gradients", (5, 10)).detach()
        optimizer, trajectory = make([w], **options), []
        for g in gradients:
            w.grad = g.clone()
            optimizer.step()
            trajectory.append(w.detach().clone())
        r.put(case, "trajectory", torch.stack(trajectory))
        r.add(case, "optimizer", algorithm=name.split("_")[0], **options)


def clipping(r):
    for name, bound in (("clipped", 3.0), ("below", 0.1)):
        case = f"clip_grad_norm/{name}"
        a, b = r.draw(case, "a", (4, 3), bound).detach().clone(), r.draw(case, "b", (5,), bound).detach().clone()
        params = [torch.nn.Parameter(torch.zeros_like(t)) for t in (a, b)]
        for p, g in zip(params, (a, b)):
            p.grad = g
        r.put(case, "norm", torch.nn.utils.clip_grad_norm_(params, 1.0).reshape(1))
        r.put(case, "a_after", params[0].grad)
        r.put(case, "b_after", params[1].grad)
        r.add(case, "clip_grad_norm", max_norm=1.0)


def schedules(r):
    """rates[t] is the learning rate of step t, t = 0..19."""
    sched = torch.optim.lr_scheduler
    table = {
        "step": (sched.StepLR, dict(step_size=6, gamma=0.5)),
        "cosine": (sched.CosineAnnealingLR, dict(T_max=20, eta_min=0.0)),
        "cosine_floor": (sched.CosineAnnealingLR, dict(T_max=19, eta_min=0.001)),
        "warmup": (sched.LinearLR, dict(start_factor=0.1, end_factor=1.0, total_iters=5)),
        "warmup_from_first": (sched.LinearLR, dict(start_factor=0.2, end_factor=1.0, total_iters=4)),
        "one_cycle": (sched.OneCycleLR, dict(max_lr=0.01, total_steps=20, pct_start=0.3, anneal_strategy="cos",
                                             cycle_momentum=False, div_factor=25.0, final_div_factor=1e4)),
    }
    for name, (make, options) in table.items():
        case = f"schedule/{name}"
        sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
        schedule, rates = make(sgd, **options), []
        for t in range(20):
            rates.append(sgd.param_groups[0]["lr"])
            sgd.step()
            if t < 19:
                schedule.step()
        r.put(case, "rates", torch.tensor(rates, dtype=torch.float64))
        r.add(case, "schedule", base_lr=0.01, **options)


def cases():
    """Tensors by name, and the table of golden_ops.json."""
    r = Recorder()
    for family in (conv2d, conv_transpose2d, dense, pool, upsample, normalisation, activations,
                   losses, optimizers, clipping, schedules):
        family(r)
    return r.tensors, r.table
