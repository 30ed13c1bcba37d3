import io
import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.formats.gguf_builder import header, text, write

from modelpick.errors import IntegrityError
from modelpick.formats.gguf import KEPT_ITEMS, Skipped, parse_gguf, read_gguf

METADATA = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.rope.freq_base": 10000.0,
    "general.quantised": True,
    "tokenizer.ggml.tokens": ["a", "b", "c"],
    "tokenizer.ggml.scores": [0.5, 1.0],
}
TENSORS = [("token_embd.weight", (256, 4), "Q4_K"), ("output_norm.weight", (256,), "F32")]


def parse(data: bytes, size: int | None = None):
    return parse_gguf(io.BytesIO(data), len(data) if size is None else size, "test.gguf")


def whole() -> bytes:
    head = header(METADATA, TENSORS)
    return head + bytes(-len(head) % 32) + bytes(4 * 144 + 1024)


def test_a_written_file_reads_back(tmp_path):
    found = read_gguf(write(tmp_path / "a.gguf", METADATA, TENSORS))
    assert found.version == 3
    assert found.text("general.architecture") == "llama"
    assert found.number("llama.block_count") == 2
    assert found.metadata["general.quantised"] is True
    assert found.metadata["tokenizer.ggml.tokens"] == ("a", "b", "c")
    assert [(t.name, t.shape, t.type.name, t.offset, t.bytes) for t in found.tensors] == [
        ("token_embd.weight", (256, 4), "Q4_K", 0, 576),
        ("output_norm.weight", (256,), "F32", 576, 1024),
    ]
    assert found.tensor_bytes == 1600
    assert found.data_offset % 32 == 0


def test_it_agrees_with_the_reference_writer(tmp_path):
    gguf = pytest.importorskip("gguf")
    numpy = pytest.importorskip("numpy")
    path = tmp_path / "reference.gguf"
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_block_count(3)
    writer.add_array("some.words", ["x", "yy"])
    writer.add_tensor("blk.0.attn_q.weight", numpy.zeros((4, 64), dtype=numpy.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = read_gguf(path)
    assert found.number("llama.block_count") == 3
    assert found.metadata["some.words"] == ("x", "yy")
    assert [(t.name, t.shape, t.type.name) for t in found.tensors] == [("blk.0.attn_q.weight", (64, 4), "F16")]


def test_big_endian():
    found = parse(header({"general.architecture": "llama"}, order=">"))
    assert found.big_endian
    assert found.text("general.architecture") == "llama"


def test_every_cut_through_the_header_is_refused():
    data = whole()
    end = parse(data).data_offset
    for length in range(end):
        with pytest.raises(IntegrityError):
            parse(data[:length])


def test_cut_off_weights_are_told_in_numbers():
    data = whole()
    with pytest.raises(IntegrityError, match="incomplete"):
        parse(data[:-1])


@pytest.mark.parametrize("magic", [b"GGML", b"gguf", b"\x00\x00\x00\x00", b"PK\x03\x04"])
def test_wrong_magic(magic):
    with pytest.raises(IntegrityError, match="GGUF"):
        parse(magic + whole()[4:])


@pytest.mark.parametrize("version", [0, 1, 4, 2**31])
def test_unknown_versions(version):
    with pytest.raises(IntegrityError, match="version"):
        parse(b"GGUF" + struct.pack("<IQQ", version, 0, 0))


@pytest.mark.parametrize("counts", [(2**63, 0), (0, 2**63), (2**64 - 1, 2**64 - 1), (10**6, 10**6)])
def test_counts_that_the_file_cannot_hold(counts):
    with pytest.raises(IntegrityError, match="announced"):
        parse(b"GGUF" + struct.pack("<IQQ", 3, *counts) + bytes(64))


def key(name: str, kind: int, rest: bytes) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text(name) + struct.pack("<I", kind) + rest


@pytest.mark.parametrize("length", [2**32, 2**40, 2**63, 2**64 - 1])
def test_strings_of_four_gigabytes_and_more(length):
    tracemalloc.start()
    with pytest.raises(IntegrityError, match="left"):
        parse(key("a", 8, struct.pack("<Q", length) + b"short"))
    with pytest.raises(IntegrityError, match="left"):
        parse(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", length) + bytes(64))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("kind", [0, 4, 8, 9, 10])
def test_arrays_of_2_to_the_63(kind):
    with pytest.raises(IntegrityError, match="announced"):
        parse(key("a", 9, struct.pack("<IQ", kind, 2**63) + bytes(64)))


def test_nested_arrays_are_read_or_refused():
    deep = b""
    for _ in range(40):
        deep += struct.pack("<IQ", 9, 1)
    with pytest.raises(IntegrityError, match="deep"):
        parse(key("a", 9, deep + struct.pack("<IQ", 4, 1) + bytes(4)))
    inner = struct.pack("<IQI", 4, 1, 7)
    found = parse(key("a", 9, struct.pack("<IQ", 9, 1) + inner))
    assert found.metadata["a"] == (Skipped(1),)


def test_long_arrays_are_passed_over_not_kept():
    count = KEPT_ITEMS + 1
    found = parse(key("a", 9, struct.pack("<IQ", 4, count) + bytes(4 * count)))
    assert found.metadata["a"] == Skipped(count)


@pytest.mark.parametrize(
    ("tensor", "why"),
    [
        (("t", (256,), 999, 0), "type"),
        (("t", (255,), 12, 0), "shape"),
        (("t", (2**62, 2**62), 0, 0), "shape"),
        (("t", (0,), 0, 0), "shape"),
        (("t", (256,), 0, 7), "multiple"),
    ],
)
def test_tensors_that_cannot_be(tensor, why):
    name, shape, kind, offset = tensor
    info = text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
    data = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + info + struct.pack("<IQ", kind, offset)
    with pytest.raises(IntegrityError, match=why):
        parse(data + bytes(4096))


def test_too_many_dimensions():
    info = text("t") + struct.pack("<I", 2**31)
    with pytest.raises(IntegrityError, match="dimensions"):
        parse(b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + info + bytes(64))


def test_overlapping_and_repeated_tensors():
    one = text("a") + struct.pack("<IQIQ", 1, 64, 0, 0)
    two = text("b") + struct.pack("<IQIQ", 1, 64, 0, 32)
    with pytest.raises(IntegrityError, match="overlaps"):
        parse(b"GGUF" + struct.pack("<IQQ", 3, 2, 0) + one + two + bytes(1024))
    with pytest.raises(IntegrityError, match="twice"):
        parse(b"GGUF" + struct.pack("<IQQ", 3, 2, 0) + one + one + bytes(1024))


def test_text_that_is_not_utf8():
    with pytest.raises(IntegrityError, match="UTF-8"):
        parse(key("a", 8, struct.pack("<Q", 2) + b"\xff\xfe"))


def test_a_bad_alignment():
    with pytest.raises(IntegrityError, match="alignment"):
        parse(key("general.alignment", 4, struct.pack("<I", 3)))


@settings(max_examples=300)
@given(st.data())
def test_any_damage_is_refused_or_harmless(data):
    raw = bytearray(whole())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.sampled_from([1, 4, 8]))] = data.draw(st.binary(min_size=1, max_size=8))
    try:
        found = parse(bytes(raw))
    except IntegrityError as error:
        assert error.hint
        return
    assert found.tensor_bytes <= len(raw)


@given(st.binary(max_size=400))
def test_noise_after_the_magic_is_refused_or_harmless(noise):
    try:
        parse(b"GGUF\x03\x00\x00\x00" + noise)
    except IntegrityError as error:
        assert "test.gguf" in error.message


def test_a_long_array_of_strings_is_passed_over_and_its_damage_seen():
    words = [f"word{number}" for number in range(KEPT_ITEMS + 1)]
    data = header({"a": words, "b": 7})
    found = parse(data)
    assert (found.metadata["a"], found.metadata["b"]) == (Skipped(len(words)), 7)
    for length in range(60, len(data) - 20, 9973):
        with pytest.raises(IntegrityError):
            parse(data[:length])
    damaged = bytearray(data)
    place = data.index(b"word2000") - 8
    damaged[place : place + 8] = struct.pack("<Q", 2**63)
    with pytest.raises(IntegrityError, match="announced"):
        parse(bytes(damaged))
