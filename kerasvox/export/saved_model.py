"""A separator as a versioned SavedModel for TensorFlow Serving."""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasvox.errors import ExportError, UsageError
from kerasvox.export.artefact import Artefact
from kerasvox.export.graph_check import check_graph
from kerasvox.export.output import partial_folder, publish
from kerasvox.export.saved_model_parity import saved_model_parity
from kerasvox.export.signatures import Servable
from kerasvox.export.twin import export_twin
from kerasvox.export.warmup import FILE, require_serving_api, warmup_inputs, write_warmup
from kerasvox.models.separator import Separator

# Rows of different requests must not meet: unequal lengths fail the whole batch without padding,
# and with padding the model hears silence that the song does not have. So a batch is one row; what
# is left of batching is a bounded queue, and many rows of one request spread over the threads.
_BATCHING = """\
# Every row is run by itself: clips of unequal length share no batch, and padding would change what
# the model hears. A request has 64 rows at most, and 64 rows may wait. Read with --enable_batching
# and --enable_per_model_batching_parameters; the number of threads is the server's own.
max_batch_size { value: 64 }
enable_large_batch_splitting { value: true }
max_execution_batch_size { value: 1 }
batch_timeout_micros { value: 0 }
max_enqueued_batches { value: 64 }
pad_variable_length_inputs: false
"""


def export_saved_model(
    separator: Separator,
    facts: dict,
    output: Path,
    excerpts: Sequence[np.ndarray],
    version: int | None = None,
) -> tuple[Path, dict]:
    """Write `<output>/<name>/<version>/`, checked against the model, or nothing.

    Args:
        separator: the model.
        facts: what `metadata` says of it; `model_name` and `max_seconds` are used.
        output: the folder of all models.
        excerpts: what the two are compared on, from `song_excerpts`.
        version: the number of the version; by default the highest that is there plus one.

    Returns:
        the folder and the parity report.

    Raises:
        ExportError: if the version exists, the folder cannot be written, the graph has an op that
            a server lacks, or the result differs from the model.
        UsageError: if the version is below 1.
    """
    require_serving_api()
    target = version_folder(output / facts["model_name"], version)
    with partial_folder(output) as partial:
        folder = partial / facts["model_name"]  # what messages name it by
        _write(separator, facts, folder, excerpts)
        check_graph(folder)
        with Artefact(folder) as artefact:
            report = saved_model_parity(artefact, separator, excerpts)
        extra = folder / "assets.extra"
        _write_json(extra / "parity.json", report)
        _write_json(extra / "metadata.json", {**facts, "version": int(target.name)})
        publish(folder, target)
    return target, report


def version_folder(model: Path, version: int | None) -> Path:
    """Return the folder of a version that does not exist yet.

    Raises:
        ExportError: if it exists.
        UsageError: if the version is below 1.
    """
    if version is None:
        found = [int(each.name) for each in model.glob("*") if each.name.isdecimal()]
        version = max(found, default=0) + 1
    if version < 1:
        raise UsageError(f"a version is a whole number from 1; received {version}")
    if (model / str(version)).exists():
        raise ExportError(
            f"{model / str(version)}: exists already; leave the version out to get the next one"
        )
    return model / str(version)


def _write(separator: Separator, facts: dict, folder: Path, excerpts: Sequence[np.ndarray]) -> None:
    servable = Servable(export_twin(separator, "fft"), facts["max_seconds"])
    with _quiet():
        try:
            tf.saved_model.save(servable, str(folder), signatures=dict(servable.functions))
        except tf.errors.OpError as error:
            raise ExportError(f"{folder.name}: cannot be saved ({error.message})") from error
    extra = folder / "assets.extra"
    extra.mkdir()
    requests = warmup_inputs(separator, excerpts[1])  # a second
    write_warmup(facts["model_name"], requests, extra / FILE)
    (folder / "batching_params.pbtxt").write_text(_BATCHING, encoding="utf-8")


def _write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep TensorFlow from telling where it wrote its assets."""
    logger = tf.get_logger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
