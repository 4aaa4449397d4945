"""The study: methods x data sets x models x seeds from a YAML file, run, resumed and reported.

    parse (YAML -> Study) -> plan (runs) -> pool (child processes, resume) -> run (one run) -> results -> report

One run as a library, for searches:

    settings = RunSettings(data=DataSettings("digits"), model=ModelSettings("mlp5"), method=make_method("v2", d_max=4),
                           seed=0, epochs=5, learning_rate=RateSettings(0.02))
    result = execute(settings, folder="out/start")
    result["final"]["accuracy"], result["final"]["backward_effort"]
"""

import importlib
from typing import TYPE_CHECKING

# Imported on first use: listing a study's runs needs no TensorFlow.
_MODULE_OF = {
    "run_study": "command", "Places": "loaders", "make_method": "methods", "apply_setting": "plan", "execute": "run",
    **{name: "settings" for name in ("DataSettings", "ModelSettings", "Perturbation", "PretrainSettings",
                                     "RateSettings", "RunSettings")},
}
__all__ = sorted(_MODULE_OF)

if TYPE_CHECKING:
    from tflm_tinyprop.study.command import run_study
    from tflm_tinyprop.study.loaders import Places
    from tflm_tinyprop.study.methods import make_method
    from tflm_tinyprop.study.plan import apply_setting
    from tflm_tinyprop.study.run import execute
    from tflm_tinyprop.study.settings import (
        DataSettings,
        ModelSettings,
        Perturbation,
        PretrainSettings,
        RateSettings,
        RunSettings,
    )


def __getattr__(name: str):
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'tflm_tinyprop.study' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"tflm_tinyprop.study.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
