"""Counts the bytes a training needs by hand and compares them with the arena: DESIGN.md, "Arena sizes".

The hand count looks at the graph only: variables lie in the arena all the time, every other tensor that is
not a constant from the op that makes it to the last op that reads it, in whole blocks of 16 bytes. No plan
can do with less than the op at which most of them are alive at once.
"""

import dataclasses

import tflm_tinyprop as tp
from tflm_tinyprop import describe
from tflm_tinyprop.format import metadata
from tflm_tinyprop.format.graph import Graph, Tensor
from tflm_tinyprop.models import zoo

_ALIGNMENT = 16
_MODELS = (zoo.small_cnn, zoo.ds_cnn, zoo.resnet8)
_COLUMNS = ("model", "weights", "statistics, state", "live tensors", "hand count", "arena", "rest", "arena, inference")


@dataclasses.dataclass(frozen=True)
class Peak:
    """The op at which most bytes of tensors are alive."""

    nbytes: int
    op: int
    tensors: tuple[int, ...]


def aligned_bytes(tensor: Tensor) -> int:
    return -(-tensor.nbytes // _ALIGNMENT) * _ALIGNMENT


def lifetimes(graph: Graph) -> dict[int, tuple[int, int]]:
    """Tensor index -> (first, last) op during which it has to be in memory.

    Graph inputs are set before the first op, graph outputs are read behind the last one.
    """
    end = len(graph.ops) - 1
    made = dict.fromkeys(graph.inputs, 0) | graph.producers()
    read = {tensor: readers[-1] for tensor, readers in graph.consumers().items() if readers}
    read |= dict.fromkeys(graph.outputs, end)
    return {
        t: (made[t], max(read.get(t, made[t]), made[t]))
        for t in made if not graph.tensors[t].is_variable and not graph.tensors[t].is_constant
    }


def peak(graph: Graph) -> Peak:
    spans = lifetimes(graph)

    def at(op: int) -> Peak:
        alive = tuple(t for t, (first, last) in spans.items() if first <= op <= last)
        return Peak(sum(aligned_bytes(graph.tensors[t]) for t in alive), op, alive)

    return max(map(at, range(len(graph.ops))), key=lambda p: p.nbytes)


def count(model: tp.TrainableModel) -> tuple[int, ...]:
    """The values of _COLUMNS but the first, in bytes."""
    graph = model.graph
    weights = [v.variable for v in model.training.variables if v.role != metadata.STATE]
    variables = [i for i, t in enumerate(graph.tensors) if t.is_variable]
    weight_bytes = sum(aligned_bytes(graph.tensors[t]) for t in weights)
    other_bytes = sum(aligned_bytes(graph.tensors[t]) for t in variables if t not in weights)
    live = peak(graph).nbytes
    total = weight_bytes + other_bytes + live
    arenas = describe.arena_sizes(model)
    return weight_bytes, other_bytes, live, total, arenas["training"], arenas["training"] - total, arenas["inference"]


def main() -> None:
    print("| " + " | ".join(_COLUMNS) + " |")
    print("|---|" + "---:|" * (len(_COLUMNS) - 1))
    for build in _MODELS:
        model = tp.convert(build())
        print(f"| {build.__name__} | " + " | ".join(f"{value:,}" for value in count(model)) + " |", flush=True)


if __name__ == "__main__":
    main()
