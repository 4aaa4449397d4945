"""Resource variables: state that ops reach by a name (VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE), and the subgraphs that set it.

A model has them in streaming layers. A subgraph of its own assigns their first values, and the op CALL_ONCE runs it. TFLM copies
as many bytes as a variable has, whatever the other tensor's size, and runs whatever subgraph an op names; so that is checked here.
"""

from __future__ import annotations

from tflm_tinyprop.errors import ModelError

CALL_ONCE, IF = "CALL_ONCE", "IF"
VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE = "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"
_CONTROL_FLOW = "(control flow); only models with one are supported, and one that sets resource variables at the start"


def called_subgraphs(op) -> tuple[int, ...]:
    """Indices of the subgraphs that an op runs, those of IF as (then, else)."""
    if op.kind == CALL_ONCE:
        return (int(op.options.initSubgraphIndex),)
    if op.kind == IF:
        return int(op.options.thenSubgraphIndex), int(op.options.elseSubgraphIndex)
    return ()


def handles_of(graph) -> dict[int, tuple[str, str]]:
    """Tensor with a handle -> container and name of its variable, in one subgraph."""
    return {op.outputs[0]: (_text(op.options.container), _text(op.options.sharedName))
            for op in graph.ops if op.kind == VAR_HANDLE}


def variable_names(graph) -> set[tuple[str, str]]:
    """All resource variables of a graph and its subgraphs."""
    return {name for part in (graph, *graph.subgraphs) for name in handles_of(part).values()}


def _text(value) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else (value or "")


def check_resource_variables(graph, source: str) -> None:
    """Raises ModelError unless subgraphs only set resource variables, are all called, and all values fit their variables."""
    count = 1 + len(graph.subgraphs)
    called: set[int] = set()
    for op in graph.ops:
        subgraphs = called_subgraphs(op)
        if any(not 1 <= index < count for index in subgraphs):
            raise ModelError(f"{source} has {count} subgraphs {_CONTROL_FLOW}; its op {op.kind} runs subgraph {subgraphs}")
        called.update(subgraphs)
    for index, subgraph in enumerate(graph.subgraphs, start=1):
        other = next((op.kind for op in subgraph.ops if op.kind not in (VAR_HANDLE, ASSIGN_VARIABLE)), None)
        if other is not None:
            raise ModelError(f"{source} has {count} subgraphs {_CONTROL_FLOW}; subgraph '{subgraph.name}' has the op {other}")
        if index not in called:
            raise ModelError(f"{source} has {count} subgraphs {_CONTROL_FLOW}; nothing runs subgraph '{subgraph.name}'")
    sizes: dict[tuple[str, str], tuple[int, str]] = {}
    for part in (graph, *graph.subgraphs):
        _check_values(part, part is not graph, sizes, source)


def _check_values(graph, is_initializer: bool, sizes: dict, source: str) -> None:
    """Every value that is read or assigned has the size and type of its variable, which `sizes` collects."""
    _check_arguments(graph, source)
    handles = handles_of(graph)
    for op in graph.ops:
        if op.kind not in (READ_VARIABLE, ASSIGN_VARIABLE):
            continue
        name = handles.get(op.inputs[0])
        value = graph.tensors[op.outputs[0] if op.kind == READ_VARIABLE else op.inputs[1]]
        if name is None:
            raise ModelError(f"{source}: op {op.kind} gets its variable from no VAR_HANDLE; export the model again")
        if is_initializer and not value.is_constant:
            raise ModelError(f"{source}: resource variable '{name[1]}' starts from a value that is not a constant")
        size = (value.nbytes, str(value.dtype))
        if size[0] < 1 or sizes.setdefault(name, size) != size:
            raise ModelError(f"{source}: resource variable '{name[1]}' is used with {size[0]} bytes of {size[1]}, and with "
                             f"{sizes.get(name, size)[0]} of {sizes.get(name, size)[1]}; the file is damaged")


_ARGUMENTS = {VAR_HANDLE: (0, 1), READ_VARIABLE: (1, 1), ASSIGN_VARIABLE: (2, 0)}


def _check_arguments(graph, source: str) -> None:
    for op in graph.ops:
        if op.kind == VAR_HANDLE and not (op.options.sharedName and op.options.container is not None):
            raise ModelError(f"{source}: a resource variable has no name or no container, which TFLM does not survive; export it again")
        if op.kind in _ARGUMENTS and ((len(op.inputs), len(op.outputs)) != _ARGUMENTS[op.kind] or -1 in op.inputs):
            raise ModelError(f"{source}: op {op.kind} has {len(op.inputs)} inputs and {len(op.outputs)} outputs; the file is damaged")
