"""The graph pass: adds everything a model needs to train itself. Applies a plan, decides nothing.

Order of the ops afterwards: TinyPropInitialize, TinyPropResetState if ops keep state in variable tensors, the forward ops as they were (reading variables where
they read constants), the loss op, TinyPropDecision, the gradient ops from the output down.
"""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.config import CONTROL_FIELDS, TinyPropConfig
from tflm_tinyprop.conversion.layer_kinds import graph_macs, kernel_of
from tflm_tinyprop.conversion.model_state import RESET_REQUEST, replace_call_once, reset_op, restore_call_once
from tflm_tinyprop.conversion.plan import UPDATE_FLAGS, TrainingPlan
from tflm_tinyprop.conversion.rules import RULES, GradientRequest, SharedTensors, builtin, fused_activation
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format import metadata, options, tables
from tflm_tinyprop.format.graph import Graph, Op, Tensor
from tflm_tinyprop.format.losses import CLASS_INDEX
from tflm_tinyprop.format.metadata import LayerRecord, TrainingMetadata, VariableRecord
from tflm_tinyprop.format.tables import SAMPLE_STATISTICS

PREFIX = "TinyProp"
LABEL, CONTROL, LOSS, STATISTICS = (
    "tinyprop_label", "tinyprop_control", "tinyprop_loss", "tinyprop_statistics",
)
STATISTICS_FIELDS = len(SAMPLE_STATISTICS.fields())
_OFFLINE_PLAN = "OfflineMemoryAllocation"
_FLOAT, _INT, _BOOL = np.dtype(np.float32), np.dtype(np.int32), np.dtype(np.bool_)


def differentiate(graph: Graph, plan: TrainingPlan, config: TinyPropConfig) -> Graph:
    """Returns the trainable graph, with the metadata entry TINYPROP. The given graph is unchanged."""
    if any(op.kind.startswith(PREFIX) for op in graph.ops):
        raise ModelError("the model is already trainable; convert the model it was made from")
    return _Builder(graph, plan, config).build()


class _Builder:
    def __init__(self, original: Graph, plan: TrainingPlan, config: TinyPropConfig):
        self.original = original
        self.plan = plan
        self.config = config
        self.graph = original.copy()
        self.variables: list[VariableRecord] = []

    def build(self) -> Graph:
        graph, batch = self.graph, self.plan.batch_size
        # An offline plan fixes the arena offset of every tensor by index: it does not fit any more.
        graph.metadata.pop(_OFFLINE_PLAN, None)
        graph.metadata.pop("TFLITE_METADATA", None)

        label = self._add(LABEL, *self._label_type())
        control = self._add(CONTROL, (len(CONTROL_FIELDS),), _FLOAT)
        graph.inputs += [label, control]
        request = self._add_reset_request()

        rows = 1 + len(self.plan.layers)
        statistics = graph.add_tensor(
            Tensor(STATISTICS, (rows, batch, STATISTICS_FIELDS), _FLOAT, is_variable=True)
        )
        self._add_variables()
        state = self._add_state(rows)
        self._prepend_reset(request)
        finite = self._prepend_initialize(statistics)
        loss, delta = self._append_loss(label)
        gate = self._append_decision(finite, loss, delta, control, statistics, state)
        self._append_gradients(delta, SharedTensors(gate, control, statistics, state))

        first_output = len(graph.outputs)
        graph.outputs += [loss, statistics, *(v.variable for v in self.variables)]
        graph.metadata[metadata.ENTRY] = self._metadata(first_output).pack()
        graph.check()
        return graph

    def _add(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> int:
        return self.graph.add_tensor(Tensor(name, shape, dtype))

    def _add_reset_request(self) -> int | None:
        """The input that asks for a reset of state that is kept."""
        if not self.plan.keeps_state:
            return None
        request = self._add(RESET_REQUEST, (1,), _BOOL)
        self.graph.inputs.append(request)
        return request

    def _label_type(self) -> tuple[tuple[int, ...], np.dtype]:
        if self.plan.loss.kind.label == CLASS_INDEX:
            return (self.plan.batch_size,), _INT
        return self.graph.tensors[self.plan.loss_input].shape, _FLOAT

    def _add_variables(self) -> None:
        """A variable for every constant that is trained; all ops read it instead."""
        made: set[int] = set()
        for layer_plan in self.plan.layers:
            if not layer_plan.flags:
                continue
            op = self.graph.ops[layer_plan.layer.operator]
            for parameter in RULES[op.kind].parameters(self.graph, op):
                if not layer_plan.flags & UPDATE_FLAGS[parameter.role]:
                    continue
                # Of a further call it is the variable already.
                initial = op.inputs[parameter.position]
                if initial in made:
                    continue
                constant = self.graph.tensors[initial]
                role = metadata.ROLES[parameter.role]
                variable = self.graph.add_tensor(Tensor(
                    f"{layer_plan.layer.name}/{role}", constant.shape, constant.dtype, is_variable=True
                ))
                made.add(variable)
                for reader in self.graph.ops:
                    reader.inputs = [variable if t == initial else t for t in reader.inputs]
                self.variables.append(VariableRecord(
                    initial, variable, constant.size, layer_plan.number, parameter.role
                ))

    def _add_state(self, rows: int) -> int:
        zeros = np.zeros(rows, np.float32)
        initial = self.graph.add_tensor(
            Tensor("tinyprop_initial_state", (rows,), _FLOAT, zeros.view(np.uint8))
        )
        state = self.graph.add_tensor(Tensor("tinyprop_state", (rows,), _FLOAT, is_variable=True))
        self.variables.append(VariableRecord(initial, state, rows, 0, metadata.STATE))
        return state

    def _prepend_reset(self, request: int | None) -> None:
        """What resets the state of the model's own ops."""
        replace_call_once(self.graph, self.plan.state, request)
        if self.plan.state.variables:
            self.graph.ops.insert(0, reset_op(self.graph, self.plan.state, request))

    def _prepend_initialize(self, statistics: int) -> int:
        finite = self._add("tinyprop_finite", (self.plan.batch_size,), _INT)
        model_inputs = list(self.original.inputs)
        pairs = [t for v in self.variables for t in (v.initial, v.variable)]
        self.graph.ops.insert(0, Op(
            kind=options.INITIALIZE, is_custom=True,
            inputs=[statistics, *model_inputs, *pairs], outputs=[finite],
            custom_options=options.InitializeOptions(len(model_inputs), len(self.variables)).pack(),
        ))
        return finite

    def _append_loss(self, label: int) -> tuple[int, int]:
        source = self.graph.tensors[self.plan.loss_input]
        loss = self._add(LOSS, (self.plan.batch_size,), _FLOAT)
        delta = self._add("tinyprop/delta", source.shape, _FLOAT)
        kind = self.plan.loss.kind
        output_layer = self._output_layer()
        activation = fused_activation(output_layer.layer.op) if output_layer else 0
        self.graph.ops.append(Op(
            kind=options.op_kind(kind.op), is_custom=True,
            inputs=[self.plan.loss_input, label], outputs=[loss, delta],
            custom_options=options.LossOptions(
                0 if kind.label == CLASS_INDEX else 1, activation, self.plan.loss.label_smoothing, self.plan.loss.delta
            ).pack(),
        ))
        return loss, delta

    def _output_layer(self):
        """The layer whose output the loss is taken on directly, or None."""
        last = self.plan.layers[-1]
        return last if self.plan.loss_input in last.layer.op.outputs else None

    def _append_decision(self, finite, loss, delta, control, statistics, state) -> int:
        gate = self._add("tinyprop_gate", (self.plan.batch_size,), _INT)
        self.graph.ops.append(Op(
            kind=options.DECISION, is_custom=True,
            inputs=[finite, loss, delta, control, statistics, state], outputs=[gate],
            custom_options=options.DecisionOptions(self._bound(delta)).pack(),
        ))
        return gate

    def _bound(self, delta: int) -> float:
        """Y where one prediction is entirely wrong, 0 for a loss that knows no such thing."""
        return self.plan.loss.kind.bound * self.plan.batch_size / self.graph.tensors[delta].size

    def _append_gradients(self, delta: int, shared: SharedTensors) -> None:
        forward = {i: self.graph.ops[i + self._ops_in_front] for i in self.plan.backward}
        path_outputs = {t for op in forward.values() for t in op.outputs}
        deltas = {self.plan.loss_input: delta}
        output_layer = self._output_layer()
        waiting: list[GradientRequest] = []  # updates that a further call's hand-down comes before
        for index in self.plan.backward:
            op = forward[index]
            layer = self.plan.layer_of(index)
            at_output = layer is not None and layer is output_layer
            flags = layer.flags if layer else 0
            request = GradientRequest(
                op=op,
                name=layer.layer.name if layer else f"{op.kind.lower()}_{index}",
                deltas=tuple(deltas.get(t) for t in op.outputs),
                activation_done=at_output,
                layer=layer.number if layer else 0,
                layers_above=layer.layers_above if layer else 0,
                flags=flags | (tables.SHARES_DECISION if at_output else 0),
                hand_down_to=tuple(t for t in RULES[op.kind].data_inputs(op) if t in path_outputs),
                shared=shared,
                updates_later=layer is not None and layer.updates_later,
            )
            for tensor, gradient in RULES[op.kind].emit(self.graph, request):
                # At once rather than when the sum is needed, so that the summands' memory is free early.
                deltas[tensor] = (
                    gradient if tensor not in deltas
                    else builtin.add(self.graph, deltas[tensor], gradient, f"{request.name}/input_delta_sum")
                )
            if request.updates_later:
                waiting.append(request)
            elif flags:  # the last hand-down with this layer's old weights is done
                for other in [r for r in waiting if kernel_of(r.op) == kernel_of(op)]:
                    RULES[other.op.kind].emit_update(self.graph, other)
                    waiting.remove(other)

    @property
    def _ops_in_front(self) -> int:
        """Ops before the forward ones."""
        return forward_ops(self.graph)[0]

    def _metadata(self, first_output: int) -> TrainingMetadata:
        model_inputs = len(self.original.inputs)
        return TrainingMetadata(
            batch_size=self.plan.batch_size,
            loss=self.plan.loss.name,
            label_smoothing=self.plan.loss.label_smoothing,
            delta=self.plan.loss.delta,
            output=self.plan.output,
            output_threshold=self.plan.output_threshold,
            model_inputs=model_inputs,
            model_outputs=len(self.original.outputs),
            label_input=model_inputs,
            control_input=model_inputs + 1,
            loss_output=first_output,
            statistics_output=first_output + 1,
            first_variable_output=first_output + 2,
            original_tensors=len(self.original.tensors),
            forward_macs=graph_macs(self.original) // self.plan.batch_size,
            config=self.config,
            layers=tuple(self._layer_record(p) for p in self.plan.layers),
            variables=tuple(self.variables),
            model_state=(metadata.KEPT_STATE if self.plan.keeps_state else
                         metadata.RESET_STATE if self.plan.state.exists else metadata.NO_STATE),
            reset_state_input=model_inputs + 2 if self.plan.keeps_state else 0,
        )

    def _layer_record(self, plan) -> LayerRecord:
        cost = RULES[plan.layer.op.kind].cost(self.original, plan.layer.op, self.plan.batch_size)
        trains_kernel = bool(plan.flags & tables.UPDATES_WEIGHTS)
        return LayerRecord(
            name=plan.layer.name,
            operator=plan.layer.operator + self._ops_in_front,
            gradients=cost.gradients,
            update_macs=cost.update_macs if trains_kernel else 0,
            hand_down_macs=cost.hand_down_macs if plan.hands_down else 0,
            flags=plan.flags | (tables.KERAS_LAYER if plan.unchanged else 0),
        )


def forward_ops(trainable: Graph) -> tuple[int, int]:
    """Where the forward ops of a trainable graph begin, and where they end: the position of the loss op."""
    in_front = (options.INITIALIZE, options.RESET_STATE)
    first = next(i for i, op in enumerate(trainable.ops) if op.kind not in in_front)
    return first, next(i for i, op in enumerate(trainable.ops[first:], start=first) if op.kind.startswith(PREFIX))


def inference_graph(trainable: Graph, training: TrainingMetadata, values: dict[int, np.ndarray]) -> Graph:
    """The ordinary model a trainable graph was made from, with other values for its constants.

    values: {constant tensor index (VariableRecord.initial): array of its shape}.
    """
    graph = trainable.copy()
    constant_of = {v.variable: v.initial for v in training.variables}
    graph.tensors = graph.tensors[: training.original_tensors]
    first, loss = forward_ops(graph)
    graph.ops = graph.ops[first:loss]
    restore_call_once(graph)
    for op in graph.ops:
        op.inputs = [constant_of.get(t, t) for t in op.inputs]
    graph.inputs = graph.inputs[: training.model_inputs]
    graph.outputs = graph.outputs[: training.model_outputs]
    for entry in (metadata.ENTRY, "TFLITE_METADATA"):
        graph.metadata.pop(entry, None)
    for index, array in values.items():
        graph.tensors[index].set_array(np.asarray(array, np.float32).reshape(graph.tensors[index].shape))
    return graph


def with_initial_values(trainable: Graph, values: dict[int, np.ndarray]) -> Graph:
    """The trainable graph with other constants to start from. values: as in inference_graph."""
    graph = trainable.copy()
    for index, array in values.items():
        graph.tensors[index].set_array(np.asarray(array, np.float32).reshape(graph.tensors[index].shape))
    return graph
