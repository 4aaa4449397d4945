"""Anomaly detection on recordings: windows of five frames, as MLPerf Tiny's autoencoder takes them."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.study import shifts
from tflm_tinyprop.study.data import Data, Samples
from tflm_tinyprop.study.loaders import Raw

FRAMES = 5
# A recording's score is the mean error of its windows; every fourth gives the same mean within its noise.
TEST_STEP = 4


def prepare(raw: Raw, pretrain, generator: np.random.Generator) -> Data:
    """raw: log-mel spectra [N, frames, bands], normal ones only for training; y_test is 1 for an anomaly.

    With `pretrain` a share of the training recordings is the source part. Bands are standardised with mean and
    deviation of the training (source) part.
    """
    spectra = raw.x_train[raw.y_train == 0].astype(np.float32)
    order = generator.permutation(len(spectra))
    cut = max(1, round(pretrain.share * len(spectra))) if pretrain else 0
    source, train = spectra[order[:cut]], spectra[order[cut:]]
    reference = source if pretrain else train
    mean, deviation = reference.mean((0, 1)), reference.std((0, 1))
    deviation[deviation < 1e-6] = 1
    normalise = lambda x: ((x.astype(np.float32) - mean) / deviation)  # noqa: E731
    return Data(
        "", _samples(normalise(source), 1) if pretrain else None, _samples(normalise(train), 1),
        _samples(normalise(raw.x_test), TEST_STEP, raw.y_test != 0), classes=None,
        shift=lambda x: shifts.tilted(x.reshape(len(x), FRAMES, -1)).reshape(x.shape),
    )


def _samples(spectra: np.ndarray, step: int, anomalous: np.ndarray | None = None) -> Samples:
    """Windows [M, FRAMES * bands] of the spectra [N, frames, bands]; `step` frames from one to the next."""
    starts = range(0, spectra.shape[1] - FRAMES + 1, step)
    x = np.stack([spectra[:, s : s + FRAMES].reshape(len(spectra), -1) for s in starts], axis=1)
    clips = None if anomalous is None else np.repeat(np.arange(len(spectra)), len(starts))
    x = np.ascontiguousarray(x.reshape(-1, x.shape[-1]))
    return Samples(x, x, clips, anomalous)
