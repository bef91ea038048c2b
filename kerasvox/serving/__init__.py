"""Serving exported models over HTTP, with TensorFlow Serving's URLs and JSON."""
