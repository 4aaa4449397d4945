"""Keras models that people run on microcontrollers, for examples, studies and tests.

The first four are the reference architectures of MLPerf Tiny (Banbury et al., arXiv 2106.07597). All
are untrained; batch normalisations follow their layer directly, so that the converter folds them.
"""

from __future__ import annotations


def _conv_block(x, filters: int, kernel, strides=1, activation: bool = True):
    from keras import layers

    x = layers.Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.ReLU()(x) if activation else x


def _depthwise_block(x, filters: int, strides=1):
    from keras import layers

    x = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return _conv_block(x, filters, 1)


def ds_cnn(classes: int = 12):
    """Keyword spotting: DS-CNN on 49 x 10 MFCCs."""
    import keras
    from keras import layers

    inputs = keras.Input((49, 10, 1), name="mfcc")
    x = _conv_block(inputs, 64, (10, 4), strides=2)
    x = layers.Dropout(0.2)(x)
    for _ in range(4):
        x = _depthwise_block(x, 64)
    x = layers.GlobalAveragePooling2D()(layers.Dropout(0.4)(x))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax", name="keyword")(x), name="ds_cnn")


def resnet8(classes: int = 10):
    """Image classification: ResNet-8 on 32 x 32 x 3 images."""
    import keras
    from keras import layers

    inputs = keras.Input((32, 32, 3), name="image")
    x = _conv_block(inputs, 16, 3)
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = _conv_block(_conv_block(x, filters, 3, strides), filters, 3, activation=False)
        if strides != 1:
            x = layers.Conv2D(filters, 1, strides=strides, padding="same")(x)
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax", name="class")(x), name="resnet8")


def mobilenet_v1(classes: int = 2, size: int = 96, alpha: float = 0.25):
    """Visual wake words: MobileNetV1 0.25 on 96 x 96 x 3 images."""
    import keras
    from keras import layers

    inputs = keras.Input((size, size, 3), name="image")
    x = _conv_block(inputs, int(32 * alpha), 3, strides=2)
    for filters, strides in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5,
                             (1024, 2), (1024, 1)):
        x = _depthwise_block(x, int(filters * alpha), strides)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax", name="person")(x), name="mobilenet_v1")


def autoencoder(features: int = 640, hidden: int = 128, code: int = 8):
    """Anomaly detection: fully connected autoencoder on five log-mel frames; mean squared error."""
    import keras
    from keras import layers

    inputs = keras.Input((features,), name="frames")
    x = inputs
    for units in (*[hidden] * 4, code, *[hidden] * 4):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Dense(units)(x)))
    return keras.Model(inputs, layers.Dense(features, name="reconstruction")(x), name="autoencoder")


def mobilenet_v2(size: int = 96, classes: int = 10, alpha: float = 0.35):
    """keras.applications.MobileNetV2 with the paper's width, untrained."""
    import keras

    return keras.applications.MobileNetV2((size, size, 3), alpha=alpha, weights=None, classes=classes)


def conv1d(classes: int = 6, window: int = 128, channels: int = 9):
    """Activity recognition: one-dimensional convolutions on accelerometer windows."""
    import keras
    from keras import layers

    inputs = keras.Input((window, channels), name="window")
    x = layers.Conv1D(16, 5, activation="relu", padding="same")(inputs)
    x = layers.MaxPooling1D(2)(x)
    x = layers.Conv1D(24, 5, strides=2, activation="relu")(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax", name="activity")(x), name="conv1d")


def small_cnn(classes: int = 10, size: int = 28):
    """A small convolutional classifier of grey images, for training from scratch."""
    import keras
    from keras import layers

    return keras.Sequential([
        keras.Input((size, size, 1), name="image"),
        layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="conv_1"),
        layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", name="conv_2"),
        layers.Conv2D(32, 3, strides=2, padding="same", activation="relu", name="conv_3"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(classes, activation="softmax", name="digit"),
    ], name="small_cnn")
