"""TrainableModel: a trainable .tflite with what is known about it, and how to get one: convert() and load()."""

from __future__ import annotations

import functools
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from tflm_tinyprop import files
from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.conversion import differentiate, pipeline
from tflm_tinyprop.conversion.losses import Loss, output_names
from tflm_tinyprop.conversion.source import SourceModel
from tflm_tinyprop.errors import ConfigError, ModelError
from tflm_tinyprop.format import metadata
from tflm_tinyprop.format.graph import Tensor, read_graph, write_graph
from tflm_tinyprop.format.training_check import check_training
from tflm_tinyprop.host import arena
from tflm_tinyprop.verification import Reference


class TrainableModel:
    """A model that trains itself: made by convert() or load(), run by a Trainer.

    Attributes:
        data: the bytes of the .tflite.
        graph: its parsed content. Treat it as read-only.
        training: its metadata entry TINYPROP.
        keras_model: the Keras model it was made from, or None.
    """

    def __init__(self, data: bytes, *, source: str = "the model", keras_model=None):
        self.data = bytes(data)
        self.graph = read_graph(self.data, source)
        self.keras_model = keras_model
        entry = self.graph.metadata.get(metadata.ENTRY)
        if entry is None:
            raise ModelError(
                f"{source} has no metadata entry {metadata.ENTRY}: it is not a trainable model. Make one with "
                "tflm_tinyprop.convert() or `tinyprop convert`"
            )
        self.training = metadata.unpack(entry, source)
        check_training(self.graph, self.training, source)

    def __repr__(self) -> str:
        layers = ", ".join(layer.name for layer in self.training.layers if layer.is_trained)
        return f"<TrainableModel {len(self.data)} bytes, batch {self.batch_size}, trains {layers}>"

    @property
    def batch_size(self) -> int:
        return self.training.batch_size

    @property
    def loss(self) -> str:
        return self.training.loss

    @property
    def stateful(self) -> bool:
        """Whether the model's own ops keep state from one sample to the next (convert(stateful=True), and it has some)."""
        return self.training.keeps_state

    @property
    def config(self) -> TinyPropConfig:
        """The configuration it was converted with; a Trainer may use another one."""
        return self.training.config

    @property
    def inputs(self) -> list[Tensor]:
        """The model's own inputs."""
        return [self.graph.tensors[t] for t in self.graph.inputs[: self.training.model_inputs]]

    @property
    def label(self) -> Tensor:
        return self.graph.tensors[self.graph.inputs[self.training.label_input]]

    @property
    def outputs(self) -> list[Tensor]:
        """The model's own outputs. The loss is taken on (the logits of) outputs[training.output]."""
        return [self.graph.tensors[t] for t in self.graph.outputs[: self.training.model_outputs]]

    @property
    def output_names(self) -> list[str]:
        return output_names(self.graph, self.training.model_outputs)

    @property
    def classes(self) -> int | None:
        """Number of classes that exclude each other, or None for a regression and for binary outputs."""
        if self.training.loss_kind.passes_over != "SOFTMAX":
            return None
        return self.outputs[self.training.output].shape[-1]

    @property
    def trainable_parameters(self) -> int:
        return sum(v.elements for v in self.training.variables if v.role != metadata.STATE)

    @functools.cached_property
    def arena_bytes(self) -> int:
        """Smallest arena for training on this host, in bytes. Measured once, on first use."""
        return arena.smallest_bytes(self.data, self.sufficient_arena_bytes)

    @property
    def sufficient_arena_bytes(self) -> int:
        """An arena that is surely enough on this host, in bytes; not measured."""
        return arena.sufficient_bytes(self.graph)

    def initial_values(self) -> list[np.ndarray]:
        """The exported values of the variables, in the order of training.variables."""
        return [self.graph.tensors[v.initial].array().copy() for v in self.training.variables]

    def with_values(self, values: list[np.ndarray]) -> bytes:
        """The trainable .tflite with other values to start from."""
        by_tensor = {v.initial: a for v, a in zip(self.training.variables, values, strict=True)}
        return write_graph(differentiate.with_initial_values(self.graph, by_tensor))

    def inference_model(self, values: list[np.ndarray]) -> bytes:
        """The ordinary .tflite without TinyProp, with these values of the variables."""
        by_tensor = {
            v.initial: a
            for v, a in zip(self.training.variables, values, strict=True)
            if v.role != metadata.STATE
        }
        return write_graph(differentiate.inference_graph(self.graph, self.training, by_tensor))

    def summary(self, print_fn=None) -> None:
        """Prints a table of the layers, and what training costs."""
        from tflm_tinyprop import describe

        describe.print_summary(self, print_fn)

    def save(self, path: str | os.PathLike, *, overwrite: bool = False) -> pathlib.Path:
        """Writes the trainable .tflite, whole or not at all."""
        return files.write_whole(path, self.data, overwrite=overwrite)


def convert(
    model,
    *,
    trainable_layers: str | int | Sequence[str] = "all",
    loss="sparse_categorical_crossentropy",
    output: str | int | None = None,
    config: TinyPropConfig | None = None,
    batch_size: int = 1,
    labels: Sequence[str] | None = None,
    batch_norm: str = "fold",
    stateful: bool = False,
    verify: bool = True,
) -> TrainableModel:
    """Makes a model trainable.

    Args:
        model: a built Keras 3 model (Sequential or functional), the path to a .keras, .h5 or .tflite, or the bytes of a
            .tflite.
        trainable_layers: "all"; a number n for the last n layers with weights; or layer names. Layers
            below the first trainable one stay as they are, in flash, and cost no backward pass.
        loss: "sparse_categorical_crossentropy" (labels are class indices), "categorical_crossentropy" (one-hot),
            "binary_crossentropy" (labels from 0 to 1, one for each output by itself), "mean_squared_error" ("mse"),
            "mean_absolute_error" ("mae") or "huber"; a tflm_tinyprop.Loss, which has label_smoothing and delta; or one of
            Keras' losses, keras.losses.BinaryCrossentropy(label_smoothing=0.1) for example. The cross entropies are taken on
            the logits: on the input of the softmax or sigmoid if the model ends in it, else on its output.
        output: name or position of the output that the loss is taken on, for a model with several. The others stay
            outputs; what leads to them alone is not trained.
        config: settings of TinyProp, stored as the model's default; TinyPropConfig.v2() if None.
        batch_size: samples per step. A .tflite has to have this batch already.
        labels: names of the classes, stored in the standard metadata.
        batch_norm: of a Keras model. "fold": a batch normalisation directly behind a convolution or dense layer without
            activation becomes part of its weights, which are what is trained then. "keep": none does; a layer then has
            Keras' weights and takes Keras' steps, and to_keras() works, for a product and a sum more per normalisation.
            Mean, variance, gamma and beta are frozen either way.
        stateful: what becomes of the state that the model's own ops keep (LSTM, SVDF, streaming layers). False: it is reset before
            every sample, so that no output depends on the sample before. True: the samples are a stream, and state is kept
            until Trainer.reset_state(); each place in the batch has its own.
        verify: runs random samples through the given model and the converted one, in TFLM, and compares.

    Raises:
        ModelError: the model cannot be trained, TFLM cannot run it, or the converted model computes something else;
            the message names layer and op.
    """
    loss = Loss.of(loss)
    if config is not None and not isinstance(config, TinyPropConfig):
        raise ConfigError(f"config must be a TinyPropConfig, got {config!r}")
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or not 1 <= batch_size <= 0xFFFF:
        raise ConfigError(f"batch_size must be an integer from 1 to 65535, got {batch_size!r}")
    source = pipeline.read_source(model, batch_size, batch_norm)
    reference = Reference(source) if verify else None
    trainable = make_trainable(
        source, trainable_layers=trainable_layers, loss=loss, output=output, config=config, batch_size=batch_size,
        labels=labels, stateful=stateful,
    )
    if reference is not None:
        reference.check(trainable)
    return trainable


def make_trainable(source: SourceModel, **options) -> TrainableModel:
    """convert() of a source that has been read. options: those of pipeline.trainable_bytes."""
    data = pipeline.trainable_bytes(source, **options)
    return TrainableModel(data, source=source.name, keras_model=source.keras_model)


def load(path: str | os.PathLike) -> TrainableModel:
    """Reads a trainable .tflite. Raises ModelError if it is not one."""
    return TrainableModel(files.read_bytes(path), source=str(path))
