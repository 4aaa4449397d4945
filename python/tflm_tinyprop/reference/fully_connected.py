"""Fully connected layer  z = x W^T + b."""

import numpy as np


def fully_connected_forward(x, weights, bias=None) -> np.ndarray:
    """z [B, U] of x [B, I], weights [U, I] and bias [U] or None."""
    z = x @ weights.T
    return z if bias is None else z + bias


def fully_connected_backward(delta, x, weights):
    """Gradients from delta = dLoss/dz [B, U]: (dLoss/dx [B, I], dLoss/dW [U, I], dLoss/db [U]).

    Rows of delta that are all zero take no part, so that a sample with NaN in x cannot spoil a batch.
    """
    active = np.any(delta != 0, axis=1)
    input_delta = delta @ weights
    weights_grad = delta[active].T @ x[active]
    return input_delta, weights_grad, delta.sum(axis=0)
