"""Writes golden.json: what scikit-learn 1.9.1, scikit-image 0.26.0, SciPy 1.17.1 and NumPy 2.4.6
make of small random inputs of seed 20240611.

    python3 -m pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 scikit-image==0.26.0
    python3 models/metrics/testdata/gen.py
"""

import json
import pathlib

import numpy as np
import scipy.linalg
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn import metrics
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

random = np.random.default_rng(20240611)


def plain(v):
    """Arrays as lists; float32 inputs as the float64 that they are."""
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, (np.ndarray, np.generic)):
        return v.tolist()
    return v


def images():
    out = []
    for h, w, c in [(28, 28, 1), (17, 23, 3), (11, 11, 1)]:
        y, x = np.mgrid[0:h, 0:w]
        clean = 0.5 + 0.4 * np.sin(x[..., None] / 3 + np.arange(c)) * np.cos(y[..., None] / 4)
        clean = clean.astype(np.float32)
        noisy = np.clip(clean + random.normal(0, 0.1, clean.shape), 0, 1).astype(np.float32)
        a, b = clean.astype(np.float64), noisy.astype(np.float64)
        out.append(dict(
            h=h, w=w, c=c, x=clean.ravel(), y=noisy.ravel(),
            psnr=peak_signal_noise_ratio(a, b, data_range=1),
            ssim=structural_similarity(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
                                       data_range=1, channel_axis=2)))
    return out


def detection():
    positive = random.random(60) < 0.3
    scores = np.round(random.normal(0, 1, 60) + positive, 1)  # rounded: with ties
    fpr, tpr, thresholds = metrics.roc_curve(positive, scores, drop_intermediate=False)
    precision, recall, levels = metrics.precision_recall_curve(positive, scores)
    return dict(
        scores=scores, positive=positive, fpr=fpr[1:], tpr=tpr[1:], thresholds=thresholds[1:],
        precision=precision[:-1][::-1], recall=recall[:-1][::-1], levels=levels[::-1],
        auroc=metrics.roc_auc_score(positive, scores),
        average_precision=metrics.average_precision_score(positive, scores),
        quantiles={str(q): np.quantile(scores, q, method="inverted_cdf") for q in (0.01, 0.5, 0.95, 0.99, 1)})


def spaces():
    labels = np.arange(80) % 4
    x = (random.normal(0, 1, (80, 7)) + labels[:, None] * np.linspace(1, 0, 7)).astype(np.float32)
    pca = PCA(3, svd_solver="full").fit(x.astype(np.float64))
    signs = np.sign(pca.components_[np.arange(3), np.abs(pca.components_).argmax(1)])
    components = pca.components_ * signs[:, None]
    codes = (x.astype(np.float64) - pca.mean_) @ components.T
    codes32 = codes[:, :2].astype(np.float32)
    queries = random.normal(0, 1, (6, 7)).astype(np.float32)
    near = {}
    for name in ("euclidean", "cosine"):
        d, i = NearestNeighbors(n_neighbors=4, metric=name, algorithm="brute").fit(x.astype(np.float64)).kneighbors(queries.astype(np.float64))
        near[name] = dict(index=i, distance=d)
    query_labels = random.integers(0, 4, 6)
    return dict(
        x=x.ravel(), n=80, dim=7, labels=labels, mean=pca.mean_, components=components.ravel(),
        variance=pca.explained_variance_, ratio=pca.explained_variance_ratio_, transformed=codes.ravel(),
        inverse=(codes @ components + pca.mean_).ravel(), map=codes32.ravel(),
        trustworthiness={str(k): trustworthiness(x.astype(np.float64), codes32.astype(np.float64), n_neighbors=k) for k in (1, 5, 12)},
        knn={str(k): KNeighborsClassifier(n_neighbors=k).fit(codes32, labels).score(None, labels) for k in (1, 5)},
        queries=queries.ravel(), near=near, query_labels=query_labels,
        precision_at_4=float(np.mean(labels[near["euclidean"]["index"]] == query_labels[:, None])))


def gaussians():
    a = random.normal(0, 1, (40, 5)) @ random.normal(0, 1, (5, 5))
    b = random.normal(0.3, 1, (50, 5)) @ random.normal(0, 1, (5, 5))
    b[:, 4] = b[:, 0]  # a singular covariance
    a, b = a.astype(np.float32), b.astype(np.float32)
    x, y = a.astype(np.float64), b.astype(np.float64)
    cx, cy = np.cov(x.T), np.cov(y.T)
    # Of the singular product itself sqrtm is only exact to half the digits.
    root = scipy.linalg.sqrtm(cx).real
    distance = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cx) + np.trace(cy)
    distance -= 2 * np.sqrt(np.maximum(scipy.linalg.eigvalsh(root @ cy @ root), 0)).sum()
    other = distance - ((x.mean(0) - y.mean(0)) ** 2).sum() - np.trace(cx) - np.trace(cy)
    assert abs(other + 2 * np.trace(scipy.linalg.sqrtm(cx @ cy).real)) < 1e-5
    return dict(a=a.ravel(), b=b.ravel(), dim=5, mean=x.mean(0), covariance=cx.ravel(), distance=distance)


def angles():
    a = random.normal(0, 1, (3, 8))
    b = random.normal(0, 1, (2, 8))
    b[0] = a[0] + 0.1 * b[0]
    return dict(a=a.ravel(), b=b.ravel(), dim=8, angles=scipy.linalg.subspace_angles(a.T, b.T))


def units():
    codes = (random.normal(0, 1, (30, 6)) * [1, 0.5, 0.2, 0.09, 0.01, 0]).astype(np.float32)
    return dict(codes=codes.ravel(), z=6, active=int((codes.astype(np.float64).var(0) > 0.01).sum()))


golden = dict(images=images(), detection=detection(), spaces=spaces(), gaussians=gaussians(), angles=angles(), units=units())
golden = {k: [plain(x) for x in v] if isinstance(v, list) else plain(v) for k, v in golden.items()}
path = pathlib.Path(__file__).resolve().parent / "golden.json"
path.write_text(json.dumps(golden, indent=None, separators=(",", ":")) + "\n")
