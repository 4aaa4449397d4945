"""What happens to the samples of a run on their way."""

import numpy as np
import pytest
from study_cases import settings

from tflm_tinyprop.errors import ConfigError
from tflm_tinyprop.study import Perturbation, fields
from tflm_tinyprop.study.data import Data, Samples
from tflm_tinyprop.study.perturbations import KINDS, Listed, make_course


@pytest.fixture(scope="module")
def data() -> Data:
    """Four classes; the first feature tells the sample."""

    def samples(start, count):
        x = np.stack([np.arange(start, start + count), np.ones(count)], axis=1).astype(np.float32)
        return Samples(x, (np.arange(count) % 4).astype(np.int32))

    return Data("four", None, samples(1, 40), samples(100, 20), 4, lambda x: -x)


def course(data, perturbation="none", epochs=4, **changes):
    return make_course(data, settings(perturbation=fields.read(Listed, perturbation, "p"), epochs=epochs, **changes))


def epochs_of(found) -> list[Samples]:
    return list(found.epochs())


def test_every_epoch_has_all_samples_in_an_order_of_its_own(data):
    epochs = epochs_of(course(data))
    assert course(data).sizes == [40] * 4
    for epoch in epochs:
        assert sorted(epoch.x[:, 0]) == list(range(1, 41))
        assert np.array_equal(epoch.y, (epoch.x[:, 0].astype(int) - 1) % 4)
    assert not np.array_equal(epochs[0].x, epochs[1].x)


def test_the_order_depends_on_the_seed_only(data):
    x = [e.x for e in epochs_of(course(data))]
    for same in (course(data, method="full"), course(data, batch_size=7)):
        assert all(np.array_equal(a, b.x) for a, b in zip(x, epochs_of(same), strict=True))
    assert not np.array_equal(x[0], epochs_of(course(data, seed=1))[0].x)


def test_label_noise(data):
    noisy = course(data, {"kind": "label_noise", "share": 0.25}).parts
    wrong = noisy[0].y != data.train.y
    assert wrong.sum() == 10 and set(noisy[0].y) == {0, 1, 2, 3}
    assert all(part is noisy[0] for part in noisy) and np.array_equal(noisy[0].x, data.train.x)
    other = course(data, {"kind": "label_noise", "share": 0.25}, seed=1).parts[0].y
    assert not np.array_equal(noisy[0].y, other)
    assert np.array_equal(course(data, {"kind": "label_noise", "share": 0}).parts[0].y, data.train.y)
    assert (course(data, {"kind": "label_noise", "share": 1}).parts[0].y != data.train.y).all()


@pytest.mark.parametrize(("step", "batch_size"), [(0, 1), (55, 1), (20, 3)])
def test_outlier(data, step, batch_size):
    plain = epochs_of(course(data, batch_size=batch_size))
    found = epochs_of(course(data, {"kind": "outlier", "step": step, "factor": 50}, batch_size=batch_size))
    before, after = (np.concatenate([e.x for e in epochs]) for epochs in (plain, found))
    changed = np.flatnonzero((before != after).any(axis=1))
    assert changed.tolist() == [step * batch_size]
    assert np.array_equal(after[changed], 50 * before[changed])
    assert data.train.x.max() == 40  # the samples themselves stay


def test_an_outlier_in_a_reconstruction_is_its_target_too():
    x = np.arange(1, 11, dtype=np.float32)[:, None]
    data = Data("r", None, Samples(x, x), Samples(x, x), None, lambda x: x)
    epoch = epochs_of(course(data, {"kind": "outlier", "step": 3, "factor": 100}))[0]
    assert epoch.x[3] >= 100 and np.array_equal(epoch.x, epoch.y)


def test_missing_class(data):
    found = course(data, {"kind": "missing_class", "class": 2})
    assert all(set(part.y) == {0, 1, 3} and len(part) == 30 for part in found.parts)
    assert {name: (set(test.y), len(test)) for name, test in found.tests.items()} == {
        "": ({0, 1, 2, 3}, 20), "missing": ({2}, 5), "present": ({0, 1, 3}, 15)}


@pytest.mark.parametrize(("at", "first"), [(0.5, 2), (0, 1), (1, 3), (0.25, 1), (0.75, 3)])
def test_domain_shift(data, at, first):
    found = course(data, {"kind": "domain_shift", "at": at})
    signs = [np.sign(part.x[0, 0]) for part in found.parts]
    assert signs == [1] * first + [-1] * (4 - first)
    assert found.tests["old"] is data.test and found.tests[""] is found.tests["new"]
    assert np.array_equal(found.tests["new"].x, -data.test.x)


@pytest.mark.parametrize(("classes", "old"), [(0, {0, 1}), (1, {0}), (3, {0, 1, 2})])
def test_stream(data, classes, old):
    found = course(data, {"kind": "stream", "classes": classes, "at": 0.25})
    new = {0, 1, 2, 3} - old
    assert [set(part.y) for part in found.parts] == [old, new, new, new]
    assert {name: set(test.y) for name, test in found.tests.items()} == {"": old | new, "old": old, "new": new}
    assert [len(e) for e in found.epochs()] == found.sizes


@pytest.mark.parametrize(("perturbation", "expected"), [
    ({"kind": "outlier", "step": 160}, "the outlier's step 160 is behind the last one"),
    ({"kind": "missing_class", "class": 4}, "there is no class 4 to leave out: four has 4"),
    ({"kind": "stream", "classes": 4}, "cannot have 4 of 4 classes"),
])
def test_what_the_data_does_not_allow(data, perturbation, expected):
    with pytest.raises(ConfigError, match=expected):
        course(data, perturbation)


def test_every_kind_can_be_read_and_has_a_label():
    for kind, values in KINDS.items():
        found = fields.read(Listed, kind, "p")
        assert found.as_dict() == {"kind": kind, **{name: default for name, (_, default) in values.items()}}
        assert found.label.startswith(kind)
    assert fields.read(Listed, {"kind": "outlier", "factor": 5}, "p") == Perturbation("outlier", {"step": 100, "factor": 5.0})
