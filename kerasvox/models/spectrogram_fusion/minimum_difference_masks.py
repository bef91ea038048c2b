"""What minimum difference masks should be: their labels."""

from typing import Any

from keras import ops


def minimum_difference_labels(mapping: Any, masking: Any, clean: Any) -> Any:
    """Mark which of two spectrograms is nearer to the clean one, cell by cell.

    `d_i(t, f) = |spc_i(t, f) - spc_c(t, f)|`, and the label of `i` is 1 where `d_i` is the
    smallest, 0 elsewhere (ICASSP 2020, Sec. 2.3; Interspeech 2020, Fig. 1). Exactly one label of
    a cell is 1: a tie, which the papers leave open, goes to the mapping spectrogram. No gradient
    flows through labels.

    Args:
        mapping, masking, clean: magnitudes `(batch, frames, bins)`.

    Returns:
        `(batch, 2, frames, bins)`: the labels of mapping and masking, 0.0 or 1.0.
    """
    nearer = ops.abs(mapping - clean) <= ops.abs(masking - clean)
    labels = ops.stack([nearer, ops.logical_not(nearer)], axis=1)
    return ops.stop_gradient(ops.cast(labels, mapping.dtype))
