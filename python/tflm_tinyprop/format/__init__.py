"""The bytes: flatbuffers, custom options, metadata entries, weight records.

In come files and records, out go plain Python values, and back. graph is the only reader of the flatbuffer schema. Nothing
here knows what a gradient is, what an interpreter does, or where a model came from.
"""
