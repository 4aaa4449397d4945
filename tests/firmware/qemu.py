#!/usr/bin/env python3
"""Runs a firmware on one of QEMU's boards: qemu.py BOARD ELF. Prints its output and exits with its code."""

from __future__ import annotations

import os
import subprocess
import sys

BOARDS = ("mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547")
PROCESSORS = dict(zip(BOARDS, ("Cortex-M3", "Cortex-M4F", "Cortex-M7", "Cortex-M33", "Cortex-M55"), strict=True))


def run(board: str, program: str | os.PathLike, timeout: float = 300) -> tuple[int, str]:
    """(exit code, output). One instruction takes 64 ns of the board's time, so that its timer counts instructions."""
    command = [
        os.environ.get("QEMU_SYSTEM_ARM", "qemu-system-arm"), "-M", board, "-kernel", str(program), "-icount", "shift=6",
        "-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config", "enable=on,target=native",
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          text=True, timeout=timeout)
    return done.returncode, done.stdout


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in BOARDS:
        sys.exit(f"usage: qemu.py {{{','.join(BOARDS)}}} ELF")
    code, output = run(sys.argv[1], sys.argv[2])
    sys.stdout.write(output)
    sys.exit(code)
