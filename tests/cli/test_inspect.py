import json
import struct

import pytest
from tests.cli.running import Runner
from tests.estimation.recorded import SHAPES
from tests.formats.gguf_builder import write

from modelpick.estimation.architecture import from_config
from modelpick.estimation.gguf_weights import gguf_types

HERE = ("--gpu", "RTX 3090", "--ram", "64GB", "--assume-idle")
QWEN3 = {
    "general.architecture": "qwen3",
    "general.name": "Qwen3 0.6B",
    "general.license": "apache-2.0",
    "general.file_type": 15,
    "qwen3.block_count": 28,
    "qwen3.context_length": 40960,
    "qwen3.embedding_length": 1024,
    "qwen3.feed_forward_length": 3072,
    "qwen3.attention.head_count": 16,
    "qwen3.attention.head_count_kv": 8,
    "qwen3.attention.key_length": 128,
    "qwen3.attention.value_length": 128,
}


@pytest.fixture
def run(capsys):
    runner = Runner(capsys)
    return lambda *arguments: runner("inspect", *arguments)


@pytest.fixture
def answer(run):
    def asked(*arguments):
        result = run(*arguments, "--json")
        assert result.code == 0, result.err
        return result.json("inspect")

    return asked


@pytest.fixture
def gguf_file(tmp_path):
    shape = from_config(SHAPES["Qwen3-0.6B"]).shape
    tensors = []
    for group, types in gguf_types(shape, "Q4_K_M"):
        names = list(group.names())
        each = types if len(types) == len(names) else types * len(names)
        tensors += [(name, group.shape, type_) for name, type_ in zip(names, each, strict=True)]
    return write(tmp_path / "qwen3.gguf", QWEN3, tensors)


def safetensors_file(path, tensors):
    entries, offset = {}, 0
    for name, shape in tensors.items():
        size = 2
        for length in shape:
            size *= length
        entries[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    raw = json.dumps(entries).encode()
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(raw)) + raw)
        stream.truncate(8 + len(raw) + offset)
    return path


def test_a_gguf_file(gguf_file, answer):
    found = answer(gguf_file, *HERE)
    assert found["format"] == "gguf"
    assert found["quantisation"] == "Q4_K_M"
    assert found["license"] == "apache-2.0"
    assert found["name"] == "Qwen3 0.6B"
    assert found["params_stored"] == SHAPES["Qwen3-0.6B"]["n_params"]
    assert found["file_bytes"] == gguf_file.stat().st_size
    assert found["bits_per_weight"] == pytest.approx(5.24, abs=0.01)
    assert found["architecture"]["layers"] == 28
    assert found["architecture"]["missing"] == []
    groups = {(group["role"], group["type"]): group["tensors"] for group in found["tensor_groups"]}
    assert groups["blk.*.ffn_down.weight", "Q6_K"] == 14
    assert groups["blk.*.ffn_down.weight", "Q4_K"] == 14
    assert sum(group["bytes"] for group in found["tensor_groups"]) == found["tensor_bytes"]
    assert [row["context_tokens"] for row in found["results"]] == [4096, 8192, 16384, 32768]
    assert all(row["placement"] == "gpu" and row["gpu_layers"] == 29 for row in found["results"])
    assert found["results"][0]["kv_cache_bytes"] == 2 * 28 * 8 * 128 * 2 * 4096
    needs = [row["required_bytes"] for row in found["results"]]
    assert needs == sorted(needs)


def test_the_table(gguf_file, run):
    result = run(gguf_file, *HERE)
    assert result.code == 0
    for text in ("Qwen3 0.6B", "apache-2.0", "blk.*.attn_v.weight", "On this machine", "32768"):
        assert text in result.out


def test_a_model_directory(tmp_path, answer):
    folder = tmp_path / "model"
    folder.mkdir()
    config = {"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4,
              "num_key_value_heads": 2, "intermediate_size": 128, "vocab_size": 100, "max_position_embeddings": 8192,
              "tie_word_embeddings": True}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "README.md").write_text("---\nlicense: mit\ntags: [x]\n---\n# Model\n", encoding="utf-8")
    alone = answer(folder, *HERE)
    assert (alone["format"], alone["file_bytes"], alone["license"]) == ("config", None, "mit")
    safetensors_file(folder / "model-00001.safetensors", {"embed": [100, 64], "layers.0.q": [64, 64]})
    safetensors_file(folder / "model-00002.safetensors", {"layers.1.q": [64, 64]})
    found = answer(folder, *HERE)
    assert found["format"] == "safetensors"
    assert found["params_stored"] == 100 * 64 + 2 * 64 * 64
    assert found["files"] == ["model-00001.safetensors", "model-00002.safetensors"]
    assert {"role": "layers.*.q", "type": "BF16", "tensors": 2, "params": 8192, "bytes": 16384} in found[
        "tensor_groups"
    ]
    assert [row["context_tokens"] for row in found["results"]] == [4096, 8192]
    assert found["results"][0]["runtime"] == "transformers"


def test_a_safetensors_file_alone_says_what_it_does_not_know(tmp_path, answer):
    path = safetensors_file(tmp_path / "lone.safetensors", {"w": [1024, 1024]})
    found = answer(path, *HERE)
    assert found["architecture"]["layers"] is None
    assert any("config.json" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"GGUF\x03\x00", 7), (b"PK\x03\x04 a zip", 2), (b"", 2)],
)
def test_bad_files(tmp_path, run, content, code):
    path = tmp_path / "bad.bin"
    path.write_bytes(content)
    result = run(path, *HERE)
    assert result.code == code
    assert result.out == ""
    assert "Hint:" in result.err


def test_bad_paths(tmp_path, run):
    assert run(tmp_path / "absent", *HERE).code == 2
    assert run(tmp_path, *HERE).code == 2
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    assert run(tmp_path, *HERE).code == 7


def test_a_cut_off_file_is_told_in_bytes(gguf_file, run):
    size = gguf_file.stat().st_size
    with gguf_file.open("r+b") as stream:
        stream.truncate(size - 1)
    result = run(gguf_file, *HERE)
    assert result.code == 7
    assert f"{size - 1:,}" in result.err
