import conv_cases
import pytest

OP = "conv_2d"


def test_against_the_reference(abi, rng):
    for _ in range(700):
        conv_cases.check_against_reference(abi, conv_cases.random_conv(rng, OP))


@pytest.mark.parametrize("train_weights", [True, False])
@pytest.mark.parametrize("train_bias", [True, False])
@pytest.mark.parametrize("hand_down", [True, False])
def test_parts_left_out_do_not_change_the_others(abi, rng, train_weights, train_bias, hand_down):
    for _ in range(70):
        case = conv_cases.random_conv(rng, OP)
        conv_cases.check_parts_left_out(abi, case, train_weights, train_bias, hand_down)


def test_only_what_is_selected_is_touched(abi, rng):
    for _ in range(300):
        case = conv_cases.random_conv(rng, OP, density=0.1)
        conv_cases.check_only_what_is_selected_is_touched(abi, rng, case)


def test_no_gradient_at_all(abi, rng):
    for _ in range(50):
        conv_cases.check_without_gradients(abi, conv_cases.random_conv(rng, OP))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_the_reference_against_tensorflow(rng, padding):
    import tensorflow as tf
    for _ in range(25):
        conv_cases.check_reference_against_tensorflow(rng, OP, tf.nn.conv2d, padding)
