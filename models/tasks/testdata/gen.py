"""Writes probe.json: what scikit-learn 1.9.1's LogisticRegression makes of standardised random
features of seed 20240611, by NumPy 2.4.6.

    python3 -m pip install numpy==2.4.6 scikit-learn==1.9.1
    python3 models/tasks/testdata/gen.py
"""

import json
import pathlib

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

random = np.random.default_rng(20240611)
centres = random.normal(0, 1, (4, 6)) * [3, 2, 1, 0.1, 10, 0]


def draw(n):
    labels = random.integers(0, 4, n)
    x = centres[labels] + random.normal(0, 1, (n, 6)) * [2, 2, 2, 0.1, 10, 0]
    return x.astype(np.float32), labels


x, y = draw(150)
test, answers = draw(80)
out = dict(dim=6, x=x.ravel().tolist(), y=y.tolist(), test=test.ravel().tolist(), answers=answers.tolist(), fits=[])
scaler = StandardScaler().fit(x.astype(np.float64))
a, b = (scaler.transform(v.astype(np.float64)) for v in (x, test))
for l2 in (0.1, 1.0, 50.0):
    fit = LogisticRegression(C=1 / l2, tol=1e-12, max_iter=10000).fit(a, y)
    # Adding one number to all intercepts changes no probability: ours sum to 0.
    out["fits"].append(dict(l2=l2, coefficients=fit.coef_.T.ravel().tolist(),
                            intercepts=(fit.intercept_ - fit.intercept_.mean()).tolist(),
                            predicted=fit.predict(b).tolist(), train=fit.score(a, y), accuracy=fit.score(b, answers)))
path = pathlib.Path(__file__).resolve().parent / "probe.json"
path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
