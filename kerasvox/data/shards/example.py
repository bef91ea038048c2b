"""`tf.train.Example` messages, written without TensorFlow and read without parsing.

Only what shards need of the protocol buffers' wire format: a message is a sequence of fields, a
field with content is its number and type, the length of the content and the content itself. What
is written here, `tf.io.parse_single_example` reads.
"""

from collections.abc import Mapping

_EXAMPLE_FEATURES = _FEATURES_ENTRY = 1
_MAP_KEY, _MAP_VALUE = 1, 2
_BYTES_LIST, _INT64_LIST = 1, 3
_LIST_VALUE = 1


def encode_example(
    attributes: Mapping[str, str | int], payloads: Mapping[str, bytes]
) -> tuple[bytes, dict[str, int]]:
    """Encode one example.

    Args:
        attributes: its features of one string or one number each; numbers are 0 or more.
        payloads: its features of bytes, which come last.

    Returns:
        The message, and at which byte of it each payload starts.
    """
    entries = [_entry(name, _attribute(value)) for name, value in attributes.items()]
    heads = [_entry(name, _bytes_feature(payload)) for name, payload in payloads.items()]
    message = _field(_EXAMPLE_FEATURES, b"".join([*entries, *heads]))
    offsets, end = {}, len(message)
    # A payload is nested at the very end of its entry, so offsets follow from the lengths.
    for (name, payload), entry in reversed(list(zip(payloads.items(), heads, strict=True))):
        offsets[name] = end - len(payload)
        end -= len(entry)
    return message, offsets


def _attribute(value: str | int) -> bytes:
    if isinstance(value, str):
        return _bytes_feature(value.encode())
    return _field(_INT64_LIST, _field(_LIST_VALUE, _varint(value)))  # packed


def _bytes_feature(content: bytes) -> bytes:
    return _field(_BYTES_LIST, _field(_LIST_VALUE, content))


def _entry(name: str, feature: bytes) -> bytes:
    return _field(_FEATURES_ENTRY, _field(_MAP_KEY, name.encode()) + _field(_MAP_VALUE, feature))


def _field(number: int, content: bytes) -> bytes:
    with_length = 2
    return b"".join((_varint(number << 3 | with_length), _varint(len(content)), content))


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
