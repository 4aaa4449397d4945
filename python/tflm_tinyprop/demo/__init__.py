"""The demo: a digit classifier meets shifted data and adapts to it in the TFLM interpreter."""

from tflm_tinyprop.demo.job import run_demo

__all__ = ["run_demo"]
