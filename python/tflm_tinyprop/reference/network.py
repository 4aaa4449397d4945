"""A stack of dense layers trained by TinyPropv2, one step at a time."""

import dataclasses
import functools

import numpy as np

from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.format.sample_status import SampleStatus
from tflm_tinyprop.reference.activation import activation_forward, activation_grad
from tflm_tinyprop.reference.adaptive_rate import (
    error_propagation_rate,
    gradient_count,
    local_error,
    relative_error,
    update_running_maximum,
)
from tflm_tinyprop.reference.binary_cross_entropy import binary_cross_entropy
from tflm_tinyprop.reference.decision import decide, is_float32_finite
from tflm_tinyprop.reference.fully_connected import fully_connected_backward, fully_connected_forward
from tflm_tinyprop.reference.huber import huber
from tflm_tinyprop.reference.mean_absolute_error import mean_absolute_error
from tflm_tinyprop.reference.mean_squared_error import mean_squared_error
from tflm_tinyprop.reference.selection import select_top_k
from tflm_tinyprop.reference.softmax_cross_entropy import (
    softmax_cross_entropy_dense,
    softmax_cross_entropy_sparse,
)

LOSSES = {
    "sparse_categorical_crossentropy": softmax_cross_entropy_sparse,
    "categorical_crossentropy": softmax_cross_entropy_dense,
    "mean_squared_error": mean_squared_error,
    "binary_crossentropy": binary_cross_entropy,
    "mean_absolute_error": mean_absolute_error,
    "huber": huber,
}


@dataclasses.dataclass
class DenseLayer:
    """y = act(x W^T + b). The arrays are kept as float64 copies and updated in place."""

    weights: np.ndarray  # [U, I]
    bias: np.ndarray | None = None  # [U]
    activation: str = "none"
    train_weights: bool = True
    train_bias: bool = True

    def __post_init__(self):
        self.weights = np.array(self.weights, dtype=np.float64)
        if self.bias is not None:
            self.bias = np.array(self.bias, dtype=np.float64)

    @property
    def is_trained(self) -> bool:
        return self.train_weights or (self.train_bias and self.bias is not None)

    def forward(self, x) -> np.ndarray:
        return activation_forward(
            self.activation, fully_connected_forward(x, self.weights, self.bias)
        )


@dataclasses.dataclass(frozen=True)
class StepResult:
    """What one training step did. Row 0 of the [L, B] arrays is the first trainable layer.

    A sample that takes no part in a layer (skipped, not finite, inference) has zeros there.
    """

    loss: np.ndarray  # [B]
    status: np.ndarray  # int [B], SampleStatus
    decision_metric: np.ndarray  # [B], D
    output_error: np.ndarray  # [B], Y the decision was taken on
    local_error: np.ndarray  # [L, B], Y
    rate: np.ndarray  # [L, B], S
    k: np.ndarray  # int [L, B]
    outputs: np.ndarray  # [B, ...], of the last layer, before the step; logits with a cross entropy


def _update_is_finite(learning_rate: float, error, x) -> np.ndarray:
    """bool [B]: the sample's change of every weight of the layer is within the range of float32.

    x: the layer's input [B, I], or None if its weights are frozen.
    """
    factor = learning_rate * error
    finite = is_float32_finite(error) & is_float32_finite(factor)
    if x is None:
        return finite
    return finite & is_float32_finite(np.where(factor > 1, factor * np.abs(x).sum(axis=1), factor))


class ReferenceNetwork:
    """Dense layers from input to output. Those below the first trained one only run forward; frozen
    layers above it select and hand down like the others, and are not updated. The same layer may be
    there several times: its gradients add up, and zeta damps all its calls as it does the last one.

    Attributes:
        running_maximum: [1 + L], of the decision, then of each layer from the first trainable one
            upward. The output layer uses the decision's.
    """

    def __init__(self, layers: list[DenseLayer], loss: str, **parameters: float):
        """loss: a name in LOSSES; parameters: what its function takes, label_smoothing or delta."""
        self.layers = list(layers)
        self.loss = functools.partial(LOSSES[loss], **parameters)
        # One output that is entirely wrong (DESIGN.md, "What a loss's error is compared with").
        self.bound = 1.0 / len(self.layers[-1].weights) if loss == "binary_crossentropy" else 0.0
        trained = [i for i, layer in enumerate(self.layers) if layer.is_trained]
        if not trained:
            raise ValueError("ReferenceNetwork needs at least one layer with something to train")
        self.first = trained[0]
        self.running_maximum = np.zeros(1 + len(self.layers) - self.first)

    def predict(self, x) -> np.ndarray:
        """Outputs [B, U] of the last layer for x [B, I]."""
        return self._activations(x)[-1]

    def gradients(self, x, y):
        """Exact gradients of the mean loss: [(dW, db), ...] of the layers from `first` upward."""
        activations = self._activations(x)
        _, delta = self._loss_and_delta(activations[-1], y)
        result = []
        for i in range(len(self.layers) - 1, self.first - 1, -1):
            if i < len(self.layers) - 1:
                delta = activation_grad(self.layers[i].activation, activations[i + 1], delta)
            handed, dw, db = fully_connected_backward(delta, activations[i], self.layers[i].weights)
            result.append((dw / len(x), db / len(x)))
            delta = handed
        return result[::-1]

    def train_step(self, x, y, config: TinyPropConfig, learning_rate: float) -> StepResult:
        """One step on a batch: x [B, I], y labels. Updates weights and running maxima in place."""
        with np.errstate(all="ignore"):  # NaN and infinite samples are handled, not reported
            return self._train_step(np.asarray(x, dtype=np.float64), y, config, learning_rate)

    def _train_step(self, x, y, config, learning_rate):
        batch, depth = len(x), len(self.layers) - self.first
        activations = self._activations(x)
        loss, delta = self._loss_and_delta(activations[-1], y)
        error, rate = np.zeros((depth, batch)), np.zeros((depth, batch))
        k = np.zeros((depth, batch), dtype=int)

        def result(status, metric, output_error):
            return StepResult(loss, status, metric, output_error, error, rate, k, activations[-1])

        if not (learning_rate > 0 and np.isfinite(learning_rate)):
            return result(np.full(batch, int(SampleStatus.INFERENCE)), np.zeros(batch), np.zeros(batch))

        input_finite = is_float32_finite(x).all(axis=1)
        decision = decide(config, input_finite, loss, delta, self.running_maximum[0], self.bound)
        self.running_maximum[0] = decision.running_maximum
        status = decision.status.copy()
        last_calls = list(dict.fromkeys(id(layer) for layer in reversed(self.layers[self.first :])))
        waiting: list[tuple[DenseLayer, np.ndarray, np.ndarray]] = []  # layer, its sparse delta, its input

        for row in range(depth - 1, -1, -1):
            index = self.first + row
            layer = self.layers[index]
            is_output = row == depth - 1
            if not is_output:
                delta = activation_grad(layer.activation, activations[index + 1], delta)
            taking_part = status == SampleStatus.TRAINED
            error[row, taking_part] = local_error(delta[taking_part])
            usable = _update_is_finite(learning_rate, error[row], activations[index] if layer.train_weights else None)
            status[taking_part & ~usable] = SampleStatus.NON_FINITE
            trained = status == SampleStatus.TRAINED

            # Element 0 of the running maxima is the decision's, which the output layer shares.
            state = 0 if is_output else 1 + row
            if not is_output:
                self.running_maximum[state] = update_running_maximum(
                    self.running_maximum[state], error[row, trained], config.decay
                )
            sparse = np.zeros_like(delta)
            for b in np.flatnonzero(trained):
                alpha = relative_error(error[row, b], self.running_maximum[state])
                rate[row, b] = error_propagation_rate(config, alpha, last_calls.index(id(layer)))
                k[row, b] = gradient_count(rate[row, b], delta.shape[1], error[row, b])
                kept = select_top_k(delta[b], k[row, b])
                sparse[b, kept] = delta[b, kept]

            delta, _, _ = fully_connected_backward(sparse, activations[index], layer.weights)
            waiting.append((layer, sparse, activations[index]))
            # Every hand-down of the step is with the old weights; the first layer hands nothing down.
            if not any(other is layer for other in self.layers[self.first + 1 : index]):
                for _, its_delta, its_input in (call for call in waiting if call[0] is layer):
                    self._update(layer, its_delta * trained[:, None], its_input, learning_rate / batch)
                waiting = [call for call in waiting if call[0] is not layer]
        return result(status, decision.metric, decision.local_error)

    @staticmethod
    def _update(layer: DenseLayer, delta, x, step: float) -> None:
        _, dw, db = fully_connected_backward(delta, x, layer.weights)
        if layer.train_weights:
            layer.weights -= step * dw
        if layer.train_bias and layer.bias is not None:
            layer.bias -= step * db

    def _activations(self, x) -> list[np.ndarray]:
        """The input and the output of every layer."""
        activations = [np.asarray(x, dtype=np.float64)]
        for layer in self.layers:
            activations.append(layer.forward(activations[-1]))
        return activations

    def _loss_and_delta(self, outputs, y):
        """Loss [B], and dLoss/dz [B, U] before the output layer's activation."""
        loss, delta = self.loss(outputs, y)
        return loss, activation_grad(self.layers[-1].activation, outputs, delta)
