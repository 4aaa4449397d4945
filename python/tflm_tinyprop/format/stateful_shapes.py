"""Shapes of the builtin ops that keep a state from one call to the next, as shapes.py has those of all others.

Their types differ from tensor to tensor, so that types.py does not judge them: TFLM's Prepare does.
"""

from __future__ import annotations

from tflm_tinyprop.format.shapes import OpView, check_rule, require

# Inputs of UNIDIRECTIONAL_SEQUENCE_LSTM. Each first element is the input gate's.
_INPUT_WEIGHTS, _RECURRENT_WEIGHTS, _BIASES = range(1, 5), range(5, 9), range(12, 16)
_LEFT_OUT = (9, 10, 11, 16, 17)  # peepholes and a projection
_OUTPUT_STATE, _CELL_STATE = 18, 19


def _sequence_lstm(op: OpView) -> None:
    x = op.input(rank=3)
    batch = x[1] if op.options.timeMajor else x[0]
    cells = op.input(_INPUT_WEIGHTS[0], rank=2)[0]
    for position in _INPUT_WEIGHTS:
        require(op.input(position) == (cells, x[2]), f"has input weights of shape {op.input(position)} for {cells} cells")
    for position in _RECURRENT_WEIGHTS:
        require(op.input(position) == (cells, cells), f"has recurrent weights of shape {op.input(position)} for {cells} cells")
    for position in _BIASES:
        require(op.input(position) == (cells,), f"has a bias of shape {op.input(position)} for {cells} cells")
    require(not any(op.has(p) for p in (*_LEFT_OUT, *range(20, 24))),
            "has peepholes, a projection or a normalization, which TFLM does not know")
    for position in (_OUTPUT_STATE, _CELL_STATE):
        require(op.input(position) == (batch, cells), f"has a state of shape {op.input(position)} for {batch} samples of {cells} cells")
    op.expect_output((*x[:2], cells))


def _svdf(op: OpView) -> None:
    batch, inputs = op.input(rank=2)
    filters, per_filter = op.input(1, rank=2)
    rank = int(op.options.rank)
    require(rank >= 1 and filters % rank == 0 and per_filter == inputs, f"has weights of shape {op.input(1)} of rank {rank}")
    taps = op.input(2, rank=2)
    require(taps[0] == filters, f"has time weights of shape {taps} for {filters} filters")
    require(not op.has(3) or op.input(3) == (filters // rank,), "has a bias for another number of units")
    require(op.input(4) == (batch, filters * taps[1]), f"has a state of shape {op.input(4)} for {filters} filters of {taps[1]}")
    op.expect_output((batch, filters // rank))


_RULES = {"UNIDIRECTIONAL_SEQUENCE_LSTM": (_sequence_lstm, 20, 24, 1), "SVDF": (_svdf, 5, 5, 1)}


def check_stateful_shapes(graph, op, source: str) -> None:
    """Raises ModelError unless the tensors of an op with a state fit each other. Other kinds pass."""
    if op.kind in _RULES and not op.is_custom:
        check_rule(graph, op, source, *_RULES[op.kind])
