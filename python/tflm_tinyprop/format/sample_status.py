"""What a training step did with one sample."""

import enum


class SampleStatus(enum.IntEnum):
    """NON_FINITE is found by the decision, and then changes nothing, or by a layer: then that layer and
    those below it stay as they are, while the layers above have been updated. `text` says what a status means.
    """

    SKIPPED = 0, "D < threshold"
    TRAINED = 1, "the only value that lets gradients through"
    NON_FINITE = 2, "input, loss or a local error is not finite, or an update could overflow"
    INFERENCE = 3, "the step does not train"

    def __new__(cls, value: int, text: str):
        member = int.__new__(cls, value)
        member._value_ = value
        member.text = text
        return member
