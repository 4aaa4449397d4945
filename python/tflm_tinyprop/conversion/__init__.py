"""From an ordinary model to a trainable one, and back.

In comes a Keras model or a .tflite, out go the bytes of a trainable .tflite (and trained weights back into Keras): read
(keras_import, source), decide (plan), rewrite (differentiate, with a rule per kind of op), write. It knows no interpreter,
and only keras_import and keras_export know Keras.
"""
