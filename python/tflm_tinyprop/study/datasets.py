"""The data sets of a study: one table, where their files are, and how they become samples for a run."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np

from tflm_tinyprop.errors import DataError
from tflm_tinyprop.npz import NpzFile
from tflm_tinyprop.study import loaders, shifts, windows
from tflm_tinyprop.study.data import Data, Samples, stratified
from tflm_tinyprop.study.loaders import Places, Raw
from tflm_tinyprop.study.settings import DataSettings, PretrainSettings

GREY, COLOUR, FEATURES, RECORDINGS = "grey images", "colour images", "features", "recordings"
_SHIFTS = {GREY: shifts.grey_images, COLOUR: shifts.colour_images, FEATURES: shifts.tilted, RECORDINGS: shifts.tilted}


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A row of the table.

    kind: decides normalisation and shift. Images are scaled to [0, 1]; features are standardised with mean and
    deviation of the training part (of the source part, if there is one) along the last axis. file: in the data
    folder. own_source: the training part is other people than the test part; a model that is fine-tuned comes from
    the former, and the latter is divided into tuning and test.
    """

    title: str
    kind: str
    file: str | None = None
    own_source: bool = False
    get: str = ""


DATA_SETS: dict[str, DataSet] = {
    "digits": DataSet("scikit-learn digits, 8x8", GREY),
    "mnist": DataSet("MNIST, 28x28", GREY, "mnist.npz",
                     get="x_train, y_train, x_test, y_test as keras.datasets.mnist gives them"),
    "cifar10": DataSet("CIFAR-10 (subset), 32x32x3", COLOUR, "cifar10_10k.npz",
                       get="1,000 training and 200 test images of each class of CIFAR-10"),
    "speech_commands": DataSet("Speech Commands, 49x10 MFCCs", FEATURES, "speech_commands_mfcc.npz", own_source=True,
                               get="MFCCs [N, 49, 10] of Speech Commands, 12 classes, split by speaker"),
    "har": DataSet("UCI HAR, 561 features", FEATURES, "uci_har.npz", own_source=True,
                   get="the 561 features of UCI HAR, split by subject"),
    "toycar": DataSet("ToyADMOS car, log-mel", RECORDINGS, "mlperf_ad01_toycar.npz",
                      get="log-mel spectra [N, frames, 128]; normal ones to train, y_test 1 for an anomaly"),
    "cifar100": DataSet("CIFAR-100, 32x32x3", COLOUR),
    "fashion_mnist": DataSet("Fashion-MNIST, 28x28", GREY),
}


def is_classification(settings: DataSettings) -> bool:
    return settings.path is not None or DATA_SETS[settings.name].kind != RECORDINGS


def load(settings: DataSettings, pretrain: PretrainSettings | None, seed: int, places: Places = Places()) -> Data:
    """The samples of a run; seed decides splits and subsets.

    Without `pretrain` the whole training part is what the device learns from. With it the model comes from a source
    part, and the device learns from other samples, by default in another domain.

    Raises DataError if a file is missing (with where it was looked for) or does not fit.
    """
    raw, kind, own_source = read_raw(settings, places)
    generator = np.random.default_rng([seed, 0])
    if kind == RECORDINGS:
        data = windows.prepare(raw, pretrain, generator)
    else:
        data = _classification(raw, kind, own_source, pretrain, generator)
    train, test = data.train, data.test
    if pretrain and pretrain.shift:
        train, test = train.mapped(data.shift), test.mapped(data.shift)
    train = _limited(train, settings.train_samples, generator, "train_samples")
    if kind != RECORDINGS:  # recordings are judged as a whole
        test = _limited(test, settings.test_samples, generator, "test_samples")
    return dataclasses.replace(data, name=settings.label, train=train, test=test)


def read_raw(settings: DataSettings, places: Places) -> tuple[Raw, str, bool]:
    """Arrays as they lie on disk, their kind, and whether they have a source part of their own."""
    if settings.path is not None:
        raw = loaders.from_arrays(NpzFile(pathlib.Path(settings.path)), settings.path)
        return raw, _kind_of(raw), False
    entry = DATA_SETS[settings.name]
    if entry.file is not None:
        raw = loaders.from_arrays(NpzFile(_find(settings.name, entry, places)), entry.file)
    elif settings.name in loaders.KERAS_FILES:
        raw = loaders.keras_dataset(settings.name, places)
    else:
        raw = loaders.digits()
    return raw, entry.kind, entry.own_source


def check_available(settings: DataSettings, places: Places) -> None:
    """Raises DataError, before anything runs, if a file is missing."""
    if settings.path is not None:
        return
    entry = DATA_SETS[settings.name]
    if entry.file is not None:
        _find(settings.name, entry, places)
    elif settings.name in loaders.KERAS_FILES and not places.download:
        missing = [path for path in loaders.keras_files(settings.name) if not path.exists()]
        if missing:
            raise DataError(f"data set {settings.name}: {missing[0]} is missing; --download lets Keras fetch it")


def _find(name: str, entry: DataSet, places: Places) -> pathlib.Path:
    if places.folder is None:
        raise DataError(f"data set {name} needs {entry.file}: pass its folder with --data or TINYPROP_DATA_DIR "
                        f"(content: {entry.get})")
    path = places.folder / entry.file
    if not path.exists():
        raise DataError(f"data set {name}: {path} is missing; put there an .npz with {entry.get}, "
                        "or name another folder with --data or TINYPROP_DATA_DIR")
    return path


def _kind_of(raw: Raw) -> str:
    """Of the user's own file: 8-bit numbers with an image's shape are an image."""
    shape = raw.x_train.shape[1:]
    if raw.x_train.dtype == np.uint8 and (len(shape) == 2 or len(shape) == 3 and shape[2] in (1, 3)):
        return COLOUR if shape[2:] == (3,) else GREY
    return FEATURES


def _classification(raw: Raw, kind: str, own_source: bool, pretrain, generator) -> Data:
    train, test, source = (raw.x_train, raw.y_train), (raw.x_test, raw.y_test), None
    if pretrain and own_source:
        source = train
        train, test = _split(*test, 0.5, generator)
    elif pretrain:
        source, train = _split(*train, pretrain.share, generator)
    normalise = _normaliser(kind, (source or train)[0])
    parts = [None if part is None else Samples(normalise(part[0]), part[1].astype(np.int32))
             for part in (source, train, test)]
    classes = int(max(raw.y_train.max(), raw.y_test.max())) + 1
    return Data("", *parts, classes=classes, shift=_SHIFTS[kind])


def _split(x, y, share: float, generator):
    """Two parts at random, the first with `share` of the samples."""
    order = generator.permutation(len(y))
    cut = min(len(y) - 1, max(1, round(share * len(y))))
    return (x[order[:cut]], y[order[:cut]]), (x[order[cut:]], y[order[cut:]])


def _normaliser(kind: str, x: np.ndarray):
    """Function from raw inputs to float32. Images and MFCCs get a channel axis, if they have none."""
    if kind in (GREY, COLOUR):
        return lambda values: _with_channel(values.astype(np.float32) / 255)
    floats = x.astype(np.float32)
    axes = tuple(range(floats.ndim - 1))
    mean, deviation = floats.mean(axes), floats.std(axes)
    deviation[deviation < 1e-6] = 1  # a feature that is always the same says nothing
    return lambda values: _with_channel((values.astype(np.float32) - mean) / deviation)


def _with_channel(x: np.ndarray) -> np.ndarray:
    """[N, height, width] with a channel behind it."""
    return np.ascontiguousarray(x[..., None] if x.ndim == 3 else x)


def _limited(samples: Samples, limit: int | None, generator, key: str) -> Samples:
    if limit is None:
        return samples
    if limit > len(samples):
        raise DataError(f"{key} is {limit}, but there are only {len(samples)} samples")
    if samples.y.ndim > 1:  # no classes
        return samples.where(np.sort(generator.permutation(len(samples))[:limit]))
    return samples.where(stratified(samples.y, limit, generator))
