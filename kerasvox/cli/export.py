"""`kerasvox export`: a preset as a SavedModel or an ONNX file."""

import json as json_format
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer


def export(
    preset: Annotated[str, typer.Argument(help="Preset of the zoo, or a folder.")],
    format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="savedmodel or onnx.")
    ] = "savedmodel",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder of all models.")
    ] = Path("models"),
    version: Annotated[
        int | None,
        typer.Option("--version", help="Of the SavedModel.  [default: the next one]"),
    ] = None,
    opset: Annotated[int, typer.Option("--opset", help="Of ONNX, 17 or 18.")] = 18,
    dtype: Annotated[
        str, typer.Option("--dtype", help="Of the weights in ONNX, float32 or float16.")
    ] = "float32",
    max_seconds: Annotated[
        float, typer.Option("--max-seconds", help="The longest clip that a SavedModel takes.")
    ] = 60.0,
    audio: Annotated[
        list[Path] | None,
        typer.Option("--audio", metavar="FILE", help="Compare on this; may be repeated."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the parity report.")] = False,
) -> None:
    """Export a preset: waveform in, waveforms out, without Keras.

    Writes `DIR/<name>/<version>/`, which TensorFlow Serving and `kerasvox serve DIR` run, or
    `DIR/<name>.onnx`, and prints where. The artefact is run in a process of its own and compared
    with the model: if a sample differs by more than 1e-4, nothing is written.

    Example: `kerasvox export drnn_mir1k -o models`
    """
    from kerasvox.backend import start_backend
    from kerasvox.export.options import check_options
    from kerasvox.presets import preset_directory

    # What is misspelt need not wait for the backend.
    check_options(format, version=version, opset=opset, dtype=dtype, max_seconds=max_seconds)
    directory = preset_directory(preset)
    # An artefact is for any machine; on a GPU the model would compute with fewer digits.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    start_backend()
    from kerasvox.export.export import export as export_preset

    result = export_preset(
        directory,
        format,
        output,
        version=version,
        opset=opset,
        dtype=dtype,
        max_seconds=max_seconds,
        audio=audio or (),
    )
    if json:
        print(json_format.dumps(result, indent=2, allow_nan=False))
        return
    for key in ("path", "streaming_path"):
        if key in result:
            print(result[key])
    print(f"kerasvox: {_summary(result['report'])}", file=sys.stderr)


def _summary(report: dict[str, Any]) -> str:
    from kerasvox.export.parity import worst

    cases = [*report["cases"], *report.get("streaming", {}).get("cases", [])]
    difference, ratio = worst(cases)
    latency = report["latency"]
    return (
        f"worst difference to the model {difference:.1e}, SI-SDR {ratio:.0f} dB; "
        f"{latency['samples']} samples take {latency['seconds']['exported']:.3f} s, "
        f"{latency['ratio_to_predict_on_batch']:.2f} times as long as in Keras"
    )
