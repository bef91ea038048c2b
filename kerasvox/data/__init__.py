"""Data sets, their checks, augmentation and the batches that training reads."""
