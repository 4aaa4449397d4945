"""What the rules of layers with weights share: parameters, and the inputs of their gradient op."""

from __future__ import annotations

from tflm_tinyprop.conversion.layer_kinds import LayerKind
from tflm_tinyprop.conversion.rules.base import (
    Cost,
    GradientRequest,
    Parameter,
    Rule,
    activation_problem,
    float_problem,
    fused_activation,
    like,
)
from tflm_tinyprop.conversion.rules.window import window_fields
from tflm_tinyprop.format import options, tables
from tflm_tinyprop.format.graph import Graph, Op
from tflm_tinyprop.format.metadata import BIAS, KERNEL

_UPDATES = tables.UPDATES_WEIGHTS | tables.UPDATES_BIAS


class LayerRule(Rule):
    """y = act(f(x, W) + b), W and b constant. `layer` says where they are among the op's inputs."""

    layer: LayerKind

    @property
    def kind(self) -> str:
        return self.layer.op

    @property
    def gradient(self) -> str:
        return self.layer.gradient

    @property
    def note(self) -> str:
        return self.layer.note

    def data_inputs(self, op: Op) -> list[int]:
        return [op.inputs[self.layer.x]]

    def problem(self, graph: Graph, op: Op) -> str | None:
        weights = [p for p in (self.layer.kernel, self.layer.bias) if p < len(op.inputs) and op.inputs[p] >= 0]
        problem = float_problem(graph, op, (self.layer.x, *weights)) or activation_problem(op, options.ACTIVATIONS)
        if problem is None and not all(graph.tensors[op.inputs[p]].is_constant for p in weights):
            problem = "its weights or bias are computed by another op; only constant ones can be trained"
        return problem

    def parameters(self, graph: Graph, op: Op) -> list[Parameter]:
        found = []
        for role, position in ((KERNEL, self.layer.kernel), (BIAS, self.layer.bias)):
            if position < len(op.inputs) and op.inputs[position] >= 0:
                if graph.tensors[op.inputs[position]].is_constant:
                    found.append(Parameter(role, position))
        return found

    def cost(self, graph: Graph, op: Op, batch_size: int) -> Cost:
        x, kernel, y = (graph.tensors[t] for t in (op.inputs[self.layer.x], op.inputs[self.layer.kernel], op.outputs[0]))
        macs = self.layer.macs_per_output(x.shape, kernel.shape, y.shape)
        return Cost(y.size // batch_size, macs, macs)

    def pack_options(self, graph: Graph, request: GradientRequest, layer: tuple[int, int, int, int]) -> bytes:
        """The gradient op's options. layer: fused activation, flags, layer number, layers above."""
        return options.LayerGradOptions(*layer).pack()

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        activation = 0 if request.activation_done else fused_activation(request.op)
        x = request.op.inputs[self.layer.x]
        handed = []
        if x in request.hand_down_to:
            handed = [(x, like(graph, x, f"tinyprop/{request.name}/input_delta"))]
        flags = request.flags & ~_UPDATES if request.updates_later else request.flags
        self._append(graph, request, activation, flags, [delta for _, delta in handed])
        return handed

    def emit_update(self, graph: Graph, request: GradientRequest) -> None:
        self._append(graph, request, 0, request.flags & _UPDATES | tables.ONLY_UPDATES, [])

    def _append(self, graph: Graph, request: GradientRequest, activation: int, flags: int, outputs: list[int]) -> None:
        op, shared = request.op, request.shared
        graph.ops.append(Op(
            kind=self.gradient,
            is_custom=True,
            # A tensor that is not needed is left out, so that the planner can free it earlier. The input is needed where
            # an update comes later, too: a sample whose update would overflow has to be found here.
            inputs=[
                request.delta,
                op.inputs[self.layer.x] if request.flags & tables.UPDATES_WEIGHTS else -1,
                op.outputs[0] if activation else -1,
                op.inputs[self.layer.kernel],
                op.inputs[self.layer.bias] if flags & tables.UPDATES_BIAS else -1,
                shared.gate, shared.control, shared.statistics, shared.state,
            ],
            outputs=outputs,
            custom_options=self.pack_options(graph, request, (activation, flags, request.layer, request.layers_above)),
        ))


class ConvRule(LayerRule):
    """A layer whose filter slides over a map, W [., height, width, .]."""

    def maps(self, graph: Graph, op: Op) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of the map that the filter slides over, and of the one that has an element for each of its positions."""
        return graph.tensors[op.inputs[self.layer.x]].shape, graph.tensors[op.outputs[0]].shape

    def pack_options(self, graph: Graph, request: GradientRequest, layer: tuple[int, int, int, int]) -> bytes:
        op = request.op
        _, height, width, _ = graph.tensors[op.inputs[self.layer.kernel]].shape
        return options.ConvGradOptions(*layer, *window_fields(op, (height, width), *self.maps(graph, op))).pack()
