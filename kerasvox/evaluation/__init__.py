"""BSS-Eval and perceptual scores, their means over a data set, and reports with provenance."""
