"""The program `tinyprop`: its commands, in the order in which --help lists them."""

from __future__ import annotations

import contextlib

import typer

from tflm_tinyprop.cli import device, doctor, exploring, models, training

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="On-device training for TensorFlow Lite Micro with TinyPropv2.",
)
for command in (exploring.demo, models.convert, models.inspect, training.train, exploring.tune, training.evaluate,
                device.embed, models.fit_memory, exploring.study, doctor.doctor):
    app.command()(command)


def main() -> None:
    with contextlib.suppress(BrokenPipeError):
        app()


if __name__ == "__main__":
    main()
