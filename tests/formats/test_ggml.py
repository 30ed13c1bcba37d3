import pytest

from modelpick.formats.ggml import BY_ID, TYPES, padded, tensor_bytes

gguf = pytest.importorskip("gguf")


def test_block_sizes_are_those_of_the_reference_package():
    sizes = {kind.name: (int(kind), *size) for kind, size in gguf.GGML_QUANT_SIZES.items()}
    ours = {name: (type_.id, type_.block, type_.bytes) for name, type_ in TYPES.items()}
    # Q8_1 has two half-precision scales since 2024, the package still counts two floats; Q2_0 is newer than it.
    shared = set(sizes) & set(ours) - {"Q8_1"}
    assert {name: ours[name] for name in shared} == {name: sizes[name] for name in shared}
    assert set(ours) - set(sizes) <= {"Q2_0"}


def test_numbers_are_unique():
    assert len(BY_ID) == len(TYPES)


def test_a_tensor_is_whole_blocks():
    assert tensor_bytes("Q4_K", (512, 3)) == 512 // 256 * 144 * 3
    with pytest.raises(ValueError, match="300"):
        tensor_bytes("Q4_K", (300, 2))


def test_padding():
    assert [padded(0), padded(1), padded(32), padded(33, 64)] == [0, 32, 32, 64]
