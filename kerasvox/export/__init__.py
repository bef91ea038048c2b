"""Separators as files that other programs run: SavedModel and ONNX, each checked by parity."""
