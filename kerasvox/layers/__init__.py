"""Layers that every model shares, written in keras.ops only."""
