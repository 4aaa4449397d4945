"""The losses: what Keras calls them, which op computes them, what their labels are. Everything else asks this table."""

from __future__ import annotations

import dataclasses

CLASS_INDEX, ONE_HOT, BINARY, TARGET = "class_index", "one_hot", "binary", "target"
# What a label is; all but a class index have the shape of the output.
LABELS = {
    CLASS_INDEX: "int32, one a sample",
    ONE_HOT: "float32, a distribution over the classes",
    BINARY: "float32 from 0 to 1, for each output by itself",
    TARGET: "float32, the wanted output",
}


@dataclasses.dataclass(frozen=True)
class LossKind:
    """A loss, and all that depends on which one it is.

    Attributes:
        name, keras_class, aliases: what Keras calls it.
        op: in OPS, the one that computes it.
        label: one of LABELS.
        passes_over: the builtin op whose input it is taken on if the model ends in one; None if it is taken on the output.
        parameters: fields of LossOptions that it reads.
        bound: how large Y is, times the elements of the output, where one prediction is entirely wrong; the decision's running
            maximum stays at or below it. 0: it has no bound, or never exceeds it (DESIGN.md, "What a loss's error is compared
            with").
    """

    name: str
    keras_class: str
    op: str
    label: str
    passes_over: str | None = None
    parameters: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    bound: float = 0.0

    @property
    def is_cross_entropy(self) -> bool:
        return self.passes_over is not None

    @property
    def is_regression(self) -> bool:
        return self.label == TARGET


# By their codes in the metadata header.
LOSSES = (
    LossKind("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy", "SoftmaxCrossEntropy", CLASS_INDEX, "SOFTMAX",
             ("label_smoothing",)),
    LossKind("categorical_crossentropy", "CategoricalCrossentropy", "SoftmaxCrossEntropy", ONE_HOT, "SOFTMAX",
             ("label_smoothing",)),
    LossKind("mean_squared_error", "MeanSquaredError", "MeanSquaredError", TARGET, aliases=("mse", "MSE")),
    LossKind("binary_crossentropy", "BinaryCrossentropy", "BinaryCrossEntropy", BINARY, "LOGISTIC", ("label_smoothing",),
             ("bce", "BCE"), bound=1.0),
    LossKind("mean_absolute_error", "MeanAbsoluteError", "MeanAbsoluteError", TARGET, aliases=("mae", "MAE")),
    LossKind("huber", "Huber", "Huber", TARGET, parameters=("delta",)),
)
LOSS_NAMES = tuple(loss.name for loss in LOSSES)
LOSS_KINDS = {loss.name: loss for loss in LOSSES}
