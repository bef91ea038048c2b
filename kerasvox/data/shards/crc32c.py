"""The checksum of TFRecord files: CRC-32C (Castagnoli), many bytes at a time with numpy."""

from functools import lru_cache

import numpy as np

_POLYNOMIAL = 0x82F63B78  # reflected
_LANE = 512  # bytes
_FULL = 0xFFFFFFFF
_MASK_DELTA = 0xA282EAD8


def crc32c(data: bytes | memoryview) -> int:
    """Return the CRC-32C of data.

    The data are cut into lanes that advance side by side, and a CRC being linear, the lanes are
    then joined in pairs: that of A followed by B is that of A, taken on by as many zero bytes as B
    has, plus that of B.
    """
    lanes = 1 << max(0, -(-len(data) // _LANE) - 1).bit_length()
    # Zeros before the data change nothing while the register is still zero.
    padded = np.zeros(lanes * _LANE, np.uint8)
    padded[len(padded) - len(data) :] = np.frombuffer(data, np.uint8)
    words = np.ascontiguousarray(padded.view("<u2").reshape(lanes, -1).T)
    table = _word_table()
    state = np.zeros(lanes, np.uint32)
    for row in words:
        state = (state >> 16) ^ table[(state & 0xFFFF) ^ row]
    length = _LANE
    while len(state) > 1:
        state = _advance(state[::2], length) ^ state[1::2]
        length *= 2
    return int(state[0]) ^ _after_zeros(_FULL, len(data)) ^ _FULL


def masked_crc32c(data: bytes | memoryview) -> int:
    """Return the CRC-32C of data as TFRecord files store it: rotated, plus a constant."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & _FULL


@lru_cache
def _word_table() -> np.ndarray:
    """Return what two bytes, the lower one first, make of a register of zeros."""
    state: np.ndarray = np.arange(1 << 16, dtype=np.uint32)
    for _ in range(16):
        state = (state >> 1) ^ np.where(state & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    return state


@lru_cache(maxsize=64)
def _zeros_tables(length: int) -> np.ndarray:
    """Return what zero bytes, a power of two, make of each byte of a register: `(4, 256)`."""
    bits = np.left_shift(np.uint32(1), np.arange(32, dtype=np.uint32))
    if length == 1:
        for _ in range(8):
            bits = (bits >> 1) ^ np.where(bits & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    else:
        bits = _advance(_advance(bits, length // 2), length // 2)
    chosen = np.arange(256)[:, np.newaxis] >> np.arange(8) & 1
    return np.bitwise_xor.reduce(
        np.where(chosen, bits.reshape(4, 1, 8), np.uint32(0)), axis=-1
    ).astype(np.uint32)


def _advance(state: np.ndarray, length: int) -> np.ndarray:
    """Take registers on by `length` zero bytes, a power of two."""
    tables = _zeros_tables(length)
    result = tables[0][state & 0xFF]
    for place in (1, 2, 3):
        result = result ^ tables[place][state >> 8 * place & 0xFF]
    return result


def _after_zeros(register: int, length: int) -> int:
    state = np.array([register], np.uint32)
    for bit in range(length.bit_length()):
        if length >> bit & 1:
            state = _advance(state, 1 << bit)
    return int(state[0])
