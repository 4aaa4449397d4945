"""Data sets: reading, splitting, normalising, limiting and shifting."""

import numpy as np
import pytest
from study_cases import write_npz

from tflm_tinyprop.errors import DataError
from tflm_tinyprop.npz import NpzFile
from tflm_tinyprop.study import DataSettings, Places, PretrainSettings, datasets, loaders, shifts, windows
from tflm_tinyprop.study.data import stratified
from tflm_tinyprop.study.datasets import DATA_SETS

PRETRAIN = PretrainSettings(epochs=1, share=0.4)


def own(path, **limits) -> DataSettings:
    return DataSettings("npz", path=str(path), fingerprint="1", **limits)


def rows(*parts) -> list[bytes]:
    return [row.tobytes() for part in parts for row in part]


# Reading ------------------------------------------------------------------------------------------------


def test_an_own_file(tmp_path):
    arrays = write_npz(tmp_path / "d.npz")
    data = datasets.load(own(tmp_path / "d.npz"), None, seed=0)
    assert (data.name, data.classes, data.source, data.metric) == ("d", 3, None, "accuracy")
    assert data.loss == "sparse_categorical_crossentropy" and data.train.x.dtype == np.float32
    assert np.array_equal(data.train.y, arrays["y_train"]) and len(data.test) == 30
    # Standardised by the training part, the test part with the same figures.
    assert data.train.x.mean(0) == pytest.approx(np.zeros(6), abs=1e-5)
    assert data.train.x.std(0) == pytest.approx(np.ones(6), abs=1e-5)
    mean, deviation = arrays["x_train"].mean(0), arrays["x_train"].std(0)
    assert data.test.x == pytest.approx((arrays["x_test"] - mean) / deviation, abs=1e-5)


def test_x_and_y_alone_give_the_last_fifth_as_test_part(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.arange(20.0).reshape(10, 2), y=np.arange(10) % 2)
    raw = loaders.from_arrays(NpzFile(tmp_path / "d.npz"), "d.npz")
    assert (len(raw.x_train), len(raw.x_test)) == (8, 2) and raw.x_test[0, 0] == 16


@pytest.mark.parametrize(("shape", "expected", "kind"), [
    ((8, 8), (8, 8, 1), datasets.GREY), ((8, 8, 1), (8, 8, 1), datasets.GREY), ((8, 8, 3), (8, 8, 3), datasets.COLOUR)])
def test_bytes_in_an_images_shape_are_an_image(tmp_path, shape, expected, kind):
    arrays = write_npz(tmp_path / "d.npz", shape=shape, dtype=np.uint8)
    assert datasets.read_raw(own(tmp_path / "d.npz"), Places())[1] == kind
    x = datasets.load(own(tmp_path / "d.npz"), None, seed=0).train.x
    assert x.shape[1:] == expected and x == pytest.approx(arrays["x_train"].reshape(x.shape) / 255)


def test_a_feature_that_never_changes_stays_finite(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.ones((10, 2)), y=np.arange(10) % 2)
    assert np.isfinite(datasets.load(own(tmp_path / "d.npz"), None, seed=0).train.x).all()


@pytest.mark.parametrize(("arrays", "expected"), [
    ({"images": [1]}, "holds images; expected x_train"), ({}, "holds nothing"),
    ({"x": np.zeros((5, 2)), "y": np.zeros(5)}, "expected class indices"),
    ({"x": np.zeros((5, 2)), "y": -np.ones(5, int)}, "expected class indices"),
    ({"x": np.zeros((5, 2)), "y": np.zeros((5, 3), int)}, "expected class indices"),
    ({"x": np.array(["a"] * 5), "y": np.zeros(5, int)}, "and numbers"),
    ({"x": np.zeros((0, 2)), "y": np.zeros(0, int)}, "at least one"),
    ({"x_train": np.zeros((5, 2)), "y_train": np.zeros(4, int), "x_test": np.zeros((5, 2)), "y_test": np.zeros(5, int)},
     "as many labels as samples"),
])
def test_wrong_arrays(tmp_path, arrays, expected):
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(DataError) as error:
        datasets.load(own(tmp_path / "d.npz"), None, seed=0)
    assert expected in str(error.value) and "d.npz" in str(error.value)


def test_what_is_no_npz(tmp_path):
    (tmp_path / "d.npz").write_text("text")
    with pytest.raises(DataError, match="cannot read .* as .npz"):
        NpzFile(tmp_path / "d.npz")


@pytest.mark.parametrize("name", [name for name, entry in DATA_SETS.items() if entry.file])
def test_a_missing_set_says_how_to_get_it(tmp_path, name):
    for places, expected in ((Places(), "pass its folder with --data or TINYPROP_DATA_DIR"),
                             (Places(tmp_path), str(tmp_path / DATA_SETS[name].file))):
        with pytest.raises(DataError) as error:
            datasets.check_available(DataSettings(name), places)
        assert expected in str(error.value) and DATA_SETS[name].get in str(error.value)


@pytest.mark.parametrize("name", loaders.KERAS_FILES)
def test_keras_sets_need_permission_for_the_network(tmp_path, monkeypatch, name):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for call in (lambda p: datasets.check_available(DataSettings(name), p),
                 lambda p: datasets.load(DataSettings(name), None, 0, p)):
        with pytest.raises(DataError, match=f"data set {name}: .* is missing; --download"):
            call(Places())
    datasets.check_available(DataSettings(name), Places(download=True))


# Splitting ----------------------------------------------------------------------------------------------


def test_parts_are_disjoint_and_seeded(tmp_path):
    write_npz(tmp_path / "d.npz", samples=100)
    plain = PretrainSettings(epochs=1, share=0.4, shift=False)
    load = lambda seed: datasets.load(own(tmp_path / "d.npz"), plain, seed)  # noqa: E731
    first, same, other = load(0), load(0), load(1)
    assert (len(first.source), len(first.train), len(first.test)) == (40, 60, 50)
    assert len(set(rows(first.source.x, first.train.x, first.test.x))) == 150
    assert rows(first.train.x) == rows(same.train.x) and rows(first.source.x) == rows(same.source.x)
    assert set(first.source.y) == {0, 1, 2} and not np.array_equal(first.source.y, other.source.y)
    assert first.source.x.mean(0) == pytest.approx(np.zeros(6), abs=1e-5)  # what the model was trained on counts


def test_a_set_with_a_source_part_divides_its_test_part(tmp_path):
    arrays = write_npz(tmp_path / "uci_har.npz", samples=80)
    data = datasets.load(DataSettings("har"), PretrainSettings(epochs=1, shift=False), 0, Places(tmp_path))
    assert (len(data.source), len(data.train), len(data.test)) == (80, 20, 20)
    assert sorted([*data.train.y, *data.test.y]) == sorted(arrays["y_test"])
    assert len(set(rows(data.source.x, data.train.x, data.test.x))) == 120


def test_the_device_sees_shifted_inputs(tmp_path):
    write_npz(tmp_path / "d.npz")
    settings = own(tmp_path / "d.npz")
    plain = datasets.load(settings, PretrainSettings(epochs=1, shift=False), 0)
    shifted = datasets.load(settings, PretrainSettings(epochs=1), 0)
    assert np.array_equal(plain.source.x, shifted.source.x)
    for part in ("train", "test"):
        before, after = getattr(plain, part), getattr(shifted, part)
        assert np.array_equal(after.x, shifts.tilted(before.x)) and np.array_equal(after.y, before.y)


def test_limits_are_stratified_and_seeded(tmp_path):
    write_npz(tmp_path / "d.npz", samples=90)
    limited = own(tmp_path / "d.npz", train_samples=31, test_samples=9)
    load = lambda seed: datasets.load(limited, None, seed)  # noqa: E731
    first, same, other = load(0), load(0), load(1)
    assert np.bincount(first.train.y).tolist() == [11, 10, 10] and np.bincount(first.test.y).tolist() == [3, 3, 3]
    assert np.array_equal(first.train.x, same.train.x) and not np.array_equal(first.train.x, other.train.x)
    with pytest.raises(DataError, match="train_samples is 91, but there are only 90"):
        datasets.load(own(tmp_path / "d.npz", train_samples=91), None, 0)


def test_stratified_keeps_shares():
    y = np.repeat([0, 1, 2], [60, 30, 10])
    for samples, expected in ((10, [6, 3, 1]), (11, [7, 3, 1]), (100, [60, 30, 10])):
        chosen = stratified(y, samples, np.random.default_rng(0))
        assert np.bincount(y[chosen]).tolist() == expected and len(set(chosen)) == samples


def test_digits_need_no_file():
    data = datasets.load(DataSettings("digits"), None, 0)
    assert data.train.x.shape == (1347, 8, 8, 1) and data.test.x.shape == (450, 8, 8, 1) and data.classes == 10
    assert data.train.x.min() == 0 and data.train.x.max() == 1


# Recordings ---------------------------------------------------------------------------------------------


def recordings(seed=0) -> loaders.Raw:
    generator = np.random.default_rng(seed)
    spectra = [generator.normal(5, 3, (count, 12, 4)) for count in (10, 6)]
    return loaders.Raw(spectra[0], np.array([0] * 8 + [1] * 2), spectra[1], np.array([0, 0, 0, 2, 1, 1]))


def test_windows_of_recordings():
    raw = recordings()
    data = windows.prepare(raw, None, np.random.default_rng(0))
    assert (data.classes, data.metric, data.loss, data.source) == (None, "auc", "mean_squared_error", None)
    assert data.train.x.shape == (8 * 8, 20) and data.train.y is data.train.x  # anomalies are no training samples
    assert data.test.x.shape == (6 * 2, 20) and data.test.clips.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert data.test.anomalous.tolist() == [False] * 3 + [True] * 3
    normal = raw.x_train[:8]
    mean, deviation = normal.mean((0, 1)), normal.std((0, 1))
    second = ((raw.x_test[0, 4:9] - mean) / deviation).ravel()
    assert data.test.x[1] == pytest.approx(second, abs=1e-5)


def test_recordings_with_a_source_part():
    data = windows.prepare(recordings(), PRETRAIN, np.random.default_rng(0))
    assert len(data.source) == 3 * 8 and len(data.train) == 5 * 8
    assert not set(rows(data.source.x)) & set(rows(data.train.x))
    shifted = data.train.mapped(data.shift)
    assert shifted.y is shifted.x and shifted.x.shape == data.train.x.shape
    frames = data.train.x.reshape(-1, 5, 4)
    assert shifted.x.reshape(-1, 5, 4) == pytest.approx(frames * np.linspace(1.3, 0.5, 4) + 0.4, abs=1e-5)


# Shifts -------------------------------------------------------------------------------------------------


def test_shifts():
    generator = np.random.default_rng(0)
    grey, colour = (generator.random((3, 16, 16, c)).astype(np.float32) for c in (1, 3))
    shifted = shifts.grey_images(grey)
    assert shifted.shape == grey.shape and shifted.dtype == np.float32
    assert 0.15 <= shifted.min() <= shifted.max() <= 0.85
    dot = np.zeros((1, 21, 21, 1), np.float32)
    dot[0, 10, 18] = 1  # 8 to the right of the centre
    row, column = np.unravel_index(shifts.grey_images(dot)[0, :, :, 0].argmax(), (21, 21))
    angle = np.degrees(np.arctan2(abs(row - 10), column - 10))
    assert angle == pytest.approx(20, abs=4)
    shifted = shifts.colour_images(colour)
    assert shifted[..., 0] == pytest.approx(0.6 * colour[..., 2] + 0.05, abs=1e-6)
    x = np.ones((2, 5), np.float32)
    assert shifts.tilted(x)[0] == pytest.approx([1.7, 1.5, 1.3, 1.1, 0.9])
    assert shifts.tilted(np.ones((2, 7, 5, 1), np.float32))[0, 3, :, 0] == pytest.approx([1.7, 1.5, 1.3, 1.1, 0.9])
