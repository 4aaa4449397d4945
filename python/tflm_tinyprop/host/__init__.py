"""TFLM on the host: the tflite-micro wheel with the TinyProp ops in it.

In come the bytes of a .tflite, out go invokes and the size of the arena that they need. It knows neither Keras nor what the
tensors of a model mean.
"""
