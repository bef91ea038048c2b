"""A preset to an artefact that other programs run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasvox import presets
from kerasvox.backend import require_tensorflow_backend
from kerasvox.export.options import check_options


def export(
    preset: str | Path,
    format: str,
    output: str | Path,
    *,
    version: int | None = None,
    opset: int = 18,
    dtype: str = "float32",
    max_seconds: float = 60.0,
    audio: Sequence[str | Path] = (),
) -> dict[str, Any]:
    """Export a preset, run the artefact in a clean process and compare it with the model.

    Args:
        preset: a preset's name, or its folder.
        format: `"savedmodel"`, for TensorFlow Serving, or `"onnx"`.
        output: the folder that it goes to: `<output>/<name>/<version>/` or `<output>/<name>.onnx`.
        version: of a SavedModel; by default the next one.
        opset: of ONNX, 17 or 18.
        dtype: of the weights in ONNX, `"float32"` or `"float16"`.
        max_seconds: the longest waveform that a SavedModel takes.
        audio: files to compare on; by default the demo song.

    Returns:
        dict of `path` and of the parity `report`.

    Raises:
        UsageError: if an argument is out of its range, or Keras runs on another backend than
            TensorFlow.
        PresetError: if there is no such preset, or it is damaged.
        AudioError: if a file cannot be read, or holds NaN or infinite samples.
        ExportError: if the export cannot be made or differs from the model. Nothing is left then.
    """
    check_options(format, version=version, opset=opset, dtype=dtype, max_seconds=max_seconds)
    require_tensorflow_backend("an export")  # the graph of either format is traced by it
    directory = presets.preset_directory(preset)
    if format == "onnx":
        from kerasvox.export.onnx import export_onnx

        return export_onnx(directory, Path(output), opset=opset, dtype=dtype, audio=audio)
    from kerasvox.export.metadata import metadata
    from kerasvox.export.parity import song_excerpts
    from kerasvox.export.saved_model import export_saved_model, version_folder
    from kerasvox.export.twin import without_cudnn
    from kerasvox.models.separator import Separator

    version_folder(Path(output) / presets.preset_name(directory), version)  # before the long work
    separator = Separator.from_preset(directory)
    without_cudnn(separator)
    excerpts = song_excerpts(separator.sample_rate, [Path(each) for each in audio], max_seconds)
    facts = metadata(separator, directory, max_seconds)
    path, report = export_saved_model(separator, facts, Path(output), excerpts, version)
    return {"path": str(path), "report": report}
