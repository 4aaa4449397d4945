"""All errors this package raises on bad input. Each message says what, where and what to do."""


class TinyPropError(Exception):
    """Base of all errors of this package."""


class ConfigError(TinyPropError, ValueError):
    """A setting is out of its range."""


class ModelError(TinyPropError, ValueError):
    """A model cannot be read, converted or trained."""


class DataError(TinyPropError, ValueError):
    """Samples or labels do not fit the model."""


class HostError(TinyPropError, RuntimeError):
    """The tflite-micro wheel or the native plugin cannot be used."""


class ArenaError(HostError):
    """The arena is too small for the model."""


class RefusedError(HostError, ModelError):
    """TFLM does not run this model; its own messages are in the text."""
