// Stand-in for the header by which Arduino finds a TFLM library.
