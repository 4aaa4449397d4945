"""What a training step did with one sample (cc/core/sample_status.h)."""

import enum


class SampleStatus(enum.IntEnum):
    SKIPPED = 0  # decision metric below the threshold: already known
    TRAINED = 1  # took part in the backward pass
    NON_FINITE = 2  # input, loss or a delta was NaN or infinite: changed nothing
    INFERENCE = 3  # learning rate 0
