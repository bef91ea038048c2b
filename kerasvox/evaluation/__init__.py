"""BSS-Eval scores, their means over a data set, and reports with provenance."""
