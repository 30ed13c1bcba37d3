import io
import json
import struct
from math import prod

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelpick.errors import IntegrityError
from modelpick.formats.safetensors import BITS, parse_safetensors

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


@given(st.binary(max_size=200).filter(lambda noise: not noise.lstrip().startswith(b"{")))
def test_noise_is_refused(noise):
    with pytest.raises(IntegrityError):
        parse(struct.pack("<Q", len(noise)) + noise)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 20) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
SIZES = st.lists(st.integers(0, 12), max_size=3)
WHOLE = st.builds(
    lambda begin, size: {"dtype": "U8", "shape": [size], "data_offsets": [begin, begin + size]},
    begin=st.integers(0, 8),
    size=st.integers(0, 4),
)
# What is nearly a header, and whole entries among it, so that some get through all checks.
ENTRIES = st.dictionaries(
    st.text(max_size=3) | st.just("__metadata__"),
    WHOLE
    | JSON
    | st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["U8", "BF16", "F4", "F6_E2M3"]) | JSON,
            "shape": SIZES | JSON,
            "data_offsets": st.sampled_from([[0, 0], [0, 1], [0, 12], [4, 12]]) | SIZES | JSON,
        }
    ),
    max_size=3,
)


@example({"w": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}})
@example({"w": {"dtype": ["BF16"], "shape": [2, 3], "data_offsets": [0, 12]}})
@given(ENTRIES)
def test_a_header_that_is_not_refused_describes_what_is_there(header):
    try:
        found = parse(build(header))
    except IntegrityError:
        return
    assert [tensor.name for tensor in found.tensors] == [name for name in header if name != "__metadata__"]
    for tensor in found.tensors:
        assert 0 <= tensor.begin <= tensor.end <= 12
        assert tensor.bytes == -(-prod(tensor.shape) * BITS[tensor.dtype] // 8)
    assert all(isinstance(value, str) for value in found.metadata.values())


def test_deep_nesting_is_refused():
    raw = b"[" * 100_000
    with pytest.raises(IntegrityError, match="JSON"):
        parse(struct.pack("<Q", len(raw)) + raw)
