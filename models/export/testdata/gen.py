"""Writes golden.safetensors with the format's own Python package.

Made with Python 3.11, safetensors 0.8.0 and numpy 2.4.6:
    pip install safetensors==0.8.0 numpy==2.4.6 && python gen.py
One metadata entry only: the package writes several in an order that changes from run to run.
"""

import numpy as np
from safetensors.numpy import save_file

save_file(
    {
        "encoder.0.weight": np.array([[0, 1, -2.5], [1e-45, np.inf, 3.4028235e38]], np.float32),
        "encoder.0.bias": np.array([-0.0, 0.1], np.float64),
        "step": np.array(-(2**31), np.int32),
        "seed": np.array([2**62 + 1, -1], np.int64),
        "pixels": np.arange(251, 256, dtype=np.uint8).reshape(1, 5, 1),
        "empty": np.zeros((2, 0, 3), np.float32),
        'a "quoted" <ü> & name': np.array([7], np.uint8),
    },
    "golden.safetensors",
    metadata={"format": "pt"},
)
