"""What a disk or a quota that ends does, in a test."""

import resource
from contextlib import contextmanager


@contextmanager
def no_file_above(size):
    """Let the kernel refuse what makes a file larger than so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
