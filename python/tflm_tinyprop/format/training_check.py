"""Does the metadata entry TINYPROP describe the graph it is in? TFLM and the trainer index by it without looking."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.config import CONTROL_FIELDS
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format import metadata, options
from tflm_tinyprop.format.graph import Graph
from tflm_tinyprop.format.losses import CLASS_INDEX
from tflm_tinyprop.format.metadata import TrainingMetadata
from tflm_tinyprop.format.resource_variables import IF
from tflm_tinyprop.format.tables import ONLY_UPDATES, SAMPLE_STATISTICS
from tflm_tinyprop.format.types import check_types

PREFIX = "TinyProp"  # of the custom ops
_FLOAT, _INT = np.dtype(np.float32), np.dtype(np.int32)


def check_training(graph: Graph, training: TrainingMetadata, source: str) -> None:
    """Raises ModelError unless the entry fits the graph, and TFLM can be given the graph."""
    check = _Check(graph, training, source)
    check.numbers()
    check.inputs()
    check.outputs()
    check.variables()
    check.ops()
    check_types(graph)


class _Check:
    def __init__(self, graph: Graph, training: TrainingMetadata, source: str):
        self.graph, self.training, self.source = graph, training, source

    def require(self, condition: bool, what: str) -> None:
        if not condition:
            raise ModelError(f"{self.source}: the metadata entry {metadata.ENTRY} does not fit the model ({what}); "
                             "convert the model again")

    def tensor(self, index: int, what: str, *, dtype: np.dtype | None = None, shape: tuple[int, ...] | None = None):
        """A tensor of the graph; its first axis has to be the batch unless a shape is given."""
        tensor = self.graph.tensors[index]
        self.require(tensor.dtype is not None and dtype in (None, tensor.dtype), f"type of {what}")
        expected = (self.training.batch_size, *tensor.shape[1:]) if shape is None else shape
        self.require(tensor.shape == expected, f"shape of {what}")
        return tensor

    def numbers(self) -> None:
        graph, training = self.graph, self.training
        inputs, first = training.model_inputs, training.first_variable_output
        self.require(len(graph.inputs) == inputs + training.added_inputs, "number of inputs")
        self.require(sorted((training.label_input, training.control_input)) == [inputs, inputs + 1],
                     "positions of label and control")
        self.require(training.reset_state_input == (inputs + 2 if training.keeps_state else 0), "position of the reset")
        self.require(len(graph.outputs) == first + len(training.variables), "number of outputs")
        self.require(1 <= training.model_outputs <= min(training.loss_output, training.statistics_output)
                     and max(training.loss_output, training.statistics_output) < first
                     and training.loss_output != training.statistics_output, "outputs")
        self.require(bool(training.layers), "number of layers")
        original = (*graph.inputs[:inputs], *graph.outputs[: training.model_outputs])
        self.require(max(original) < training.original_tensors <= len(graph.tensors), "number of tensors")

    def inputs(self) -> None:
        graph, training = self.graph, self.training
        for index in graph.inputs[: training.model_inputs]:
            self.tensor(index, "an input")
        self.tensor(graph.inputs[training.control_input], "control", dtype=_FLOAT, shape=(len(CONTROL_FIELDS),))
        if training.keeps_state:
            self.tensor(graph.inputs[training.reset_state_input], "the reset", dtype=np.dtype(np.bool_), shape=(1,))
        sparse = training.loss_kind.label == CLASS_INDEX
        self.tensor(graph.inputs[training.label_input], "the label", dtype=_INT if sparse else _FLOAT,
                    shape=(training.batch_size,) if sparse else None)

    def outputs(self) -> None:
        graph, training = self.graph, self.training
        batch = training.batch_size
        output = self.tensor(graph.outputs[training.output], "the output")
        if training.loss_kind.passes_over == "SOFTMAX":
            self.require(len(output.shape) == 2, "shape of the output")
        self.tensor(graph.outputs[training.loss_output], "the loss", dtype=_FLOAT, shape=(batch,))
        statistics = self.tensor(graph.outputs[training.statistics_output], "the statistics", dtype=_FLOAT,
                                 shape=(1 + len(training.layers), batch, len(SAMPLE_STATISTICS.fields())))
        self.require(statistics.is_variable, "statistics")

    def variables(self) -> None:
        graph, training = self.graph, self.training
        roles = [variable.role for variable in training.variables]
        self.require(bool(roles) and roles[-1] == metadata.STATE and roles.count(metadata.STATE) == 1, "state")
        for position, variable in enumerate(training.variables, start=training.first_variable_output):
            self.require(max(variable.initial, variable.variable) < len(graph.tensors), "tensor index")
            initial, current = graph.tensors[variable.initial], graph.tensors[variable.variable]
            self.require(initial.is_constant and current.is_variable, "variables")
            self.require(initial.dtype == current.dtype == _FLOAT, "type of a variable")
            self.require(initial.shape == current.shape and current.size == variable.elements, "size of a variable")
            self.require(graph.outputs[position] == variable.variable, "order of the variables")
            self.require(variable.role in metadata.ROLES and variable.layer <= len(training.layers)
                         and (variable.layer == 0) == (variable.role == metadata.STATE), "role of a variable")
            self.require(variable.role == metadata.STATE or variable.initial < training.original_tensors, "initial values")

    def ops(self) -> None:
        graph, training = self.graph, self.training
        own = [i for i, op in enumerate(graph.ops) if op.kind.startswith(PREFIX)]
        self.require(len(own) >= 3 and own[0] == 0 and graph.ops[0].kind == options.INITIALIZE, "first op")
        first = 1 + (graph.ops[1].kind == options.RESET_STATE)
        loss = own[first]  # the forward ops lie before it
        variables = {v.variable for v in training.variables}
        for op in graph.ops[first:loss]:
            # IF stands in the place of CALL_ONCE, and its condition is an added tensor.
            self.require(op.kind == IF or all(t < training.original_tensors or t in variables for t in (*op.inputs, *op.outputs)),
                         "tensors of the forward ops")
        self.require(all(first <= layer.operator < loss for layer in training.layers), "operator index")
        numbers, updates = [], []
        for i in own:
            op = graph.ops[i]
            decoded = options.unpack(op.kind, op.custom_options)
            number = getattr(decoded, "layer", 0)
            if number and decoded.flags & ONLY_UPDATES:
                self.require(number in numbers and number not in updates, "updates of the gradient ops")
                updates.append(number)
            elif number:
                numbers.append(number)
        self.require(sorted(numbers) == list(range(1, 1 + len(training.layers))), "layers of the gradient ops")
