"""What a training step did with one sample (cc/core/sample_status.h)."""

import enum


class SampleStatus(enum.IntEnum):
    """NON_FINITE is found by the decision, and then changes nothing, or by a layer: then that layer and
    those below it stay as they are, while the layers above have been updated.
    """

    SKIPPED = 0  # decision metric below the threshold: already known
    TRAINED = 1  # took part in the backward pass
    NON_FINITE = 2  # input, loss or a local error was NaN or infinite, or an update could have overflowed
    INFERENCE = 3  # learning rate 0 (or not a positive finite number)
