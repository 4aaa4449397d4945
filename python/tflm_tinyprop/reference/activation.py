"""Fused activations of TFLite's builtin ops, and the gradient through them."""

import numpy as np

# The range each activation clamps to. The position in this table is the code in the TFLite schema.
ACTIVATIONS = {
    "none": (-np.inf, np.inf),
    "relu": (0.0, np.inf),
    "relu_n1_to_1": (-1.0, 1.0),
    "relu6": (0.0, 6.0),
}


def activation_forward(activation: str, z) -> np.ndarray:
    """y = act(z), any shape."""
    return np.clip(z, *ACTIVATIONS[activation])


def activation_grad(activation: str, y, delta) -> np.ndarray:
    """dLoss/dz from dLoss/dy: 1 strictly inside the range, 0 where y sits on a bound."""
    if activation == "none":
        return np.array(delta, copy=True)
    low, high = ACTIVATIONS[activation]
    return np.where((y > low) & (y < high), delta, 0.0)
