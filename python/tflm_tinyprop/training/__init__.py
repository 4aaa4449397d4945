"""Training in the real interpreter, with Keras' interface.

In come a TrainableModel, samples and labels, out go trained weights and a History. How a model became trainable, and what
its ops compute, is not known here; neither is the command line.
"""
