"""TFRecord framing in plain Python: no TensorFlow is needed to write or to read shards.

A record is its length (8 bytes), the masked CRC-32C of these (4), the data, and theirs (4); all
numbers are little-endian. https://www.tensorflow.org/tutorials/load_data/tfrecord
"""

import struct

from kerasvox.data.shards.crc32c import masked_crc32c

HEADER = 12  # bytes before the data
FOOTER = 4  # bytes after them


def frame(data: bytes) -> bytes:
    """Return the data as a record."""
    length = struct.pack("<Q", len(data))
    header = length + struct.pack("<I", masked_crc32c(length))
    return b"".join((header, data, struct.pack("<I", masked_crc32c(data))))


def unframe(record: bytes) -> memoryview:
    """Return the data of a record.

    Raises:
        ValueError: if it is incomplete or a checksum is wrong.
    """
    if len(record) < HEADER + FOOTER:
        raise ValueError("a record is cut short")
    view = memoryview(record)
    length, length_crc = struct.unpack("<QI", view[:HEADER])
    if masked_crc32c(view[:8]) != length_crc or length != len(record) - HEADER - FOOTER:
        raise ValueError("the length of a record is damaged")
    data = view[HEADER:-FOOTER]
    if masked_crc32c(data) != struct.unpack("<I", view[-FOOTER:])[0]:
        raise ValueError("the checksum of a record is wrong")
    return data
