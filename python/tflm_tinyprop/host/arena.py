"""How large an arena a model needs on this host.

TFLM's planner does not survive every arena that is too small: some sizes end the process. So a model is
run with a size that is surely enough, and the smallest size is searched for in child processes.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tflm_tinyprop.errors import HostError, RefusedError
from tflm_tinyprop.format.check import MOST_BYTES
from tflm_tinyprop.format.graph import Graph

_ALIGNMENT = 16
# Python puts the working folder in front of a program's imports; option -P against that came with 3.11.
_CHILD = "import sys; sys.path[:] = [p for p in sys.path if p]; from tflm_tinyprop.host import arena; arena.main()"
# Generous bounds for what TFLM allocates besides tensors: the interpreter itself, and per tensor and op
# its structures, the planner's records and the recording allocator's.
_FIXED_BYTES = 64 * 1024
_BYTES_PER_TENSOR = 256
_BYTES_PER_OP = 1024


def sufficient_bytes(graph: Graph) -> int:
    """An arena that is enough for the graph even if no two tensors share memory.

    Raises RefusedError if TFLM cannot address it.
    """
    tensors = sum(
        -(-t.nbytes // _ALIGNMENT) * _ALIGNMENT for t in graph.tensors if not t.is_constant
    )
    # Resource variables have the size of the constants that a subgraph assigns them.
    tensors += sum(-(-t.nbytes // _ALIGNMENT) * _ALIGNMENT for part in graph.subgraphs for t in part.tensors)
    parts = (graph, *graph.subgraphs)
    enough = (2 * tensors + _FIXED_BYTES + _BYTES_PER_TENSOR * sum(len(part.tensors) for part in parts)
              + _BYTES_PER_OP * sum(len(part.ops) for part in parts))
    if enough > MOST_BYTES:
        raise RefusedError(f"the model needs an arena of {enough:,} bytes, TFLM addresses at most {MOST_BYTES:,}")
    return enough


def smallest_bytes(model: bytes, enough: int) -> int:
    """Smallest arena in bytes that the model runs with on this host (64-bit), by bisection.

    A microcontroller with 32-bit pointers needs less. enough: a size that is known to work.
    """
    result = subprocess.run(
        [sys.executable, "-c", _CHILD, str(enough)],
        input=model,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    if result.returncode != 0:
        raise RefusedError(f"the arena could not be measured: {result.stderr.decode(errors='replace').strip()[-500:]}")
    return int(result.stdout)


def _bisect(model: bytes, enough: int) -> int:
    if not _runs(model, enough):
        raise HostError(f"TFLM cannot run this model in {enough} bytes")
    too_small = 0
    while enough - too_small > _ALIGNMENT:
        middle = (enough + too_small) // 2 // _ALIGNMENT * _ALIGNMENT
        if _runs(model, middle):
            enough = middle
        else:
            too_small = middle
    return enough


def _runs(model: bytes, arena_bytes: int) -> bool:
    """True if the interpreter can be made, tried in a child process that may crash."""
    child = os.fork()
    if child == 0:
        from tflm_tinyprop.host import session

        try:
            session.make_interpreter(model, arena_bytes)
            os._exit(0)
        except BaseException:  # the exit status says it all
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def main() -> None:
    """The child process: the model on stdin, an arena that is enough as argument, the smallest on stdout."""
    from tflm_tinyprop.host import session

    session.load_plugin()
    session.import_runtime()  # once, before the forks
    sys.stdout.write(str(_bisect(sys.stdin.buffer.read(), int(sys.argv[1]))))
