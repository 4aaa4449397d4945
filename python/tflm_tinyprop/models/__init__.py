"""Models to try things on.

In comes a size or a number of classes, out goes an untrained Keras model (zoo) or a .tflite made without TensorFlow
(tiny_models). Neither knows what will be done with it.
"""
