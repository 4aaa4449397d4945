"""Activations, fused into TFLite's builtin ops or ops of their own, and the gradient through them."""

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


# All kinds; the position in this table is ElementwiseActivation of the C++ core.
ELEMENTWISE_ACTIVATIONS = (*ACTIVATIONS, "leaky_relu", "tanh", "logistic", "hard_swish", "elu")
# Those whose derivative is a function of x. That of the others is one of y.
ACTIVATIONS_OF_INPUT = ("leaky_relu", "hard_swish")


def elementwise_activation_forward(activation: str, x, slope: float = 0.0) -> np.ndarray:
    """y = act(x), any shape; slope: of leaky_relu for x below 0."""
    x = np.asarray(x, dtype=np.float64)
    if activation == "leaky_relu":
        return np.where(x > 0, x, slope * x)
    if activation == "tanh":
        return np.tanh(x)
    if activation == "logistic":
        return 0.5 * (1 + np.tanh(x / 2))  # 1 / (1 + exp(-x)) without overflow
    if activation == "hard_swish":
        return x * np.clip(x + 3, 0, 6) / 6
    if activation == "elu":
        return np.where(x < 0, np.expm1(np.minimum(x, 0)), x)
    return activation_forward(activation, x)


def elementwise_activation_grad(activation: str, reference, delta, slope: float = 0.0) -> np.ndarray:
    """dLoss/dx from delta = dLoss/dy. reference: x for ACTIVATIONS_OF_INPUT, y for the others."""
    if activation == "leaky_relu":
        return np.where(reference > 0, delta, slope * delta)
    if activation == "tanh":
        return delta * (1 - reference**2)
    if activation == "logistic":
        return delta * reference * (1 - reference)
    if activation == "hard_swish":
        inside = np.where(reference < 3, (2 * reference + 3) / 6, 1.0)
        return delta * np.where(reference > -3, inside, 0.0)
    if activation == "elu":
        return delta * np.where(reference < 0, reference + 1, 1.0)
    return activation_grad(activation, reference, delta)
