"""Standard TFLite metadata, made by tflite-support: names and descriptions of inputs and outputs, and
the file of class labels.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

from tflm_tinyprop.format.graph import Graph, read_graph, write_graph
from tflm_tinyprop.format.metadata import TrainingMetadata

ENTRY = "TFLITE_METADATA"
LABEL_FILE = "labels.txt"

_DESCRIPTIONS = {
    "tinyprop_label": "Label of each sample, to be set before every invoke: the loss is computed from it even when "
                      "the learning rate is 0.",
    "tinyprop_control": "learning rate, S_min, S_max, zeta, D_min, D_max, threshold, decay. "
                        "Learning rate 0 runs inference only.",
    "tinyprop_loss": "Loss of each sample.",
    "tinyprop_statistics": "Per sample: status, decision metric, local error, running maximum; then per layer: "
                           "local error, error propagation rate, gradients kept, multiply-accumulates.",
    "tinyprop_state": "Running maximum of the local error at the output and of each layer.",
}


def import_flatbuffers_metadata():
    """tflite-support's modules. `import tflite_support` itself clashes with TensorFlow's registrations
    once TensorFlow is loaded; these do not. They need libusb, which libusb-package carries."""
    try:
        from tensorflow_lite_support.metadata.python import metadata
    except ImportError:
        import ctypes

        import libusb_package

        ctypes.CDLL(str(libusb_package.get_library_path()), mode=ctypes.RTLD_GLOBAL)
        from tensorflow_lite_support.metadata.python import metadata
    from tensorflow_lite_support.metadata import metadata_schema_py_generated as metadata_schema

    return metadata, metadata_schema


def add_metadata(graph: Graph, training: TrainingMetadata, name: str,
                 labels: Sequence[str] | None) -> tuple[Graph, bytes]:
    """Returns the graph with the metadata entry, and the associated files to append (maybe empty).

    tflite-support rewrites a model with the schema it was built with, which loses newer fields and the
    alignment of constants; so only the metadata itself is taken from its result.
    """
    metadata, schema = import_flatbuffers_metadata()
    content = _model_metadata(schema, graph, training, name, labels)
    populator = metadata.MetadataPopulator.with_model_buffer(write_graph(graph))
    populator.load_metadata_buffer(_pack(content, metadata.MetadataPopulator.METADATA_FILE_IDENTIFIER))
    files = {LABEL_FILE: "".join(f"{label}\n" for label in labels).encode()} if labels else {}
    if files:
        populator.load_associated_file_buffers(files)
    populator.populate()

    described = graph.copy()
    populated = read_graph(bytes(populator.get_model_buffer()))
    described.metadata[ENTRY] = populated.metadata[ENTRY]
    return described, _zip(files)


def _model_metadata(schema, graph: Graph, training: TrainingMetadata, name: str, labels):
    model = schema.ModelMetadataT()
    model.name = name
    model.description = (
        "Trainable on the device with TinyPropv2 (tflm_tinyprop): every invoke with a learning rate above 0 "
        "is a training step."
    )
    model.license = ""
    subgraph = schema.SubGraphMetadataT()
    subgraph.inputTensorMetadata = [
        _tensor(schema, graph.tensors[t].name, "Input of the model.") for t in graph.inputs
    ]
    subgraph.outputTensorMetadata = [
        _tensor(schema, graph.tensors[t].name,
                "Output of the model." if i < training.model_outputs else "Current value of a trained variable.")
        for i, t in enumerate(graph.outputs)
    ]
    if labels:
        label_file = schema.AssociatedFileT()
        label_file.name = LABEL_FILE
        label_file.description = "One class a line, in the order of the output."
        label_file.type = schema.AssociatedFileType.TENSOR_AXIS_LABELS
        subgraph.outputTensorMetadata[training.output].associatedFiles = [label_file]
    model.subgraphMetadata = [subgraph]
    return model


def _tensor(schema, name: str, description: str):
    tensor = schema.TensorMetadataT()
    tensor.name = name
    tensor.description = _DESCRIPTIONS.get(name, description)
    return tensor


def _pack(content, identifier: bytes) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(0)
    builder.Finish(content.Pack(builder), identifier)
    return bytes(builder.Output())


def _zip(files: dict[str, bytes]) -> bytes:
    """Associated files follow the flatbuffer as an uncompressed zip archive."""
    if not files:
        return b""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for name, content in files.items():
            # A fixed date, so that the same model gives the same bytes.
            packed.writestr(zipfile.ZipInfo(name), content)
    return archive.getvalue()
