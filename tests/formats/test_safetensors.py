import io
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelpick.errors import IntegrityError
from modelpick.formats.safetensors import parse_safetensors

ENTRY = {"w": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}}


def build(header: object, data: bytes = bytes(12)) -> bytes:
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def parse(data: bytes):
    return parse_safetensors(io.BytesIO(data), len(data), "a.safetensors")


def test_a_header_reads():
    found = parse(build({**ENTRY, "__metadata__": {"format": "pt"}}))
    assert [(t.name, t.dtype, t.shape, t.bytes) for t in found.tensors] == [("w", "BF16", (2, 3), 12)]
    assert found.metadata == {"format": "pt"}
    assert found.tensor_bytes == 12


@pytest.mark.parametrize(
    "header",
    [
        {"w": {"dtype": "BF16", "shape": [2, 4], "data_offsets": [0, 12]}},
        {"w": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [12, 0]}},
        {"w": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [4, 16]}},
        {"w": {"dtype": "X9", "shape": [2, 3], "data_offsets": [0, 12]}},
        {"w": {"dtype": "BF16", "shape": [-2, 3], "data_offsets": [0, 12]}},
        {"w": {"dtype": "BF16", "shape": "23", "data_offsets": [0, 12]}},
        {"w": {"dtype": "BF16", "shape": [True, 6], "data_offsets": [0, 12]}},
        {"w": 3},
        [],
    ],
)
def test_contradictions_are_refused(header):
    with pytest.raises(IntegrityError, match=r"a\.safetensors"):
        parse(build(header))


def test_every_cut_is_refused():
    data = build(ENTRY)
    for length in range(len(data)):
        with pytest.raises(IntegrityError):
            parse(data[:length])


@pytest.mark.parametrize("length", [2**32, 2**63, 2**64 - 1, 100_000_001])
def test_headers_longer_than_the_file(length):
    with pytest.raises(IntegrityError, match="said to have"):
        parse(struct.pack("<Q", length) + b"{}")


@given(st.binary(max_size=200))
def test_noise_is_refused_or_harmless(noise):
    try:
        parse(struct.pack("<Q", len(noise)) + noise)
    except IntegrityError:
        return


def test_deep_nesting_is_refused():
    raw = b"[" * 100_000
    with pytest.raises(IntegrityError, match="JSON"):
        parse(struct.pack("<Q", len(raw)) + raw)
