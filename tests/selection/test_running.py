import ast
import json
import shlex
from dataclasses import replace

import pytest
from tests.selection.world import entry

from modelpick.estimation.interface import Fit, Footprint, Placement, PoolUse, Settings
from modelpick.selection.interface import RUNTIMES, Candidate, Option, Source
from modelpick.selection.running import run_command

GGUF = Source("gguf", "maker/model-GGUF", "official")
WEIGHTS = Source("safetensors", "maker/model", "official")
HOST = PoolUse("host", None, 1, 10, 0, 1)


def _gpu(number, layers):
    return PoolUse(f"gpu{number}", number, 1, 10, layers, 1)


def _fit(placement, **settings):
    return Fit(Footprint(1, 1, 1, 1, 0), placement, None, Settings(**{"context": 8192, **settings}))


ON_CARD = _fit(Placement("gpu", (_gpu(0, 32), HOST), 33, 32))
ON_CPU = _fit(Placement("cpu", (HOST,), 0, 32))


def _words(option, fit, file=None, **changes):
    candidate = Candidate(entry("model", **changes), option, fit.settings.context)
    return [shlex.split(line) for line in run_command(candidate, fit, file=file).lines]


def _value(words, name):
    return words[words.index(name) + 1]


def test_llama_cpp_names_the_repository_the_form_and_the_layers():
    (words,) = _words(Option("gguf", "Q4_K_M", "llama.cpp", GGUF), ON_CARD)
    assert words[:3] == ["llama-server", "--hf-repo", "maker/model-GGUF:Q4_K_M"]
    assert _value(words, "--n-gpu-layers") == "33" and _value(words, "--ctx-size") == "8192"


def test_on_a_processor_no_layer_is_offloaded():
    (words,) = _words(Option("gguf", "Q4_K_M", "llama.cpp", GGUF), ON_CPU)
    assert _value(words, "--n-gpu-layers") == "0"


def test_part_of_the_layers_and_experts_on_the_host():
    placement = Placement("experts-on-host", (_gpu(0, 32), HOST), 33, 32, experts_on_host=12)
    (words,) = _words(Option("gguf", "Q4_K_M", "llama.cpp", GGUF), _fit(placement))
    assert _value(words, "--n-cpu-moe") == "12" and _value(words, "--n-gpu-layers") == "33"
    (words,) = _words(
        Option("gguf", "Q4_K_M", "llama.cpp", GGUF), _fit(Placement("partial-offload", (_gpu(0, 20), HOST), 20, 32))
    )
    assert _value(words, "--n-gpu-layers") == "20" and "--n-cpu-moe" not in words


def test_several_cards_share_the_layers_as_placed():
    placement = Placement("multi-gpu", (_gpu(0, 20), _gpu(1, 12), HOST), 33, 32)
    (words,) = _words(Option("gguf", "Q4_K_M", "llama.cpp", GGUF), _fit(placement))
    assert _value(words, "--tensor-split") == "20,12" and _value(words, "--split-mode") == "layer"


def test_each_user_has_a_slot_with_the_whole_context():
    fit = replace(ON_CARD, settings=Settings(context=4096, slots=3, users=3))
    (words,) = _words(Option("gguf", "Q4_K_M", "llama.cpp", GGUF), fit)
    assert _value(words, "--ctx-size") == "12288" and _value(words, "--parallel") == "3"


def test_what_nobody_publishes_is_made_first():
    made, served = _words(Option("gguf", "Q4_K_M", "llama.cpp", WEIGHTS, made_here=True), ON_CARD)
    assert made[:3] == ["modelpick", "quantise", "model"]
    assert _value(made, "--out") == _value(served, "--model")


@pytest.mark.parametrize(("modality", "asked"), [("embedding", "/v1/embeddings"), ("reranker", "/v1/rerank")])
def test_a_server_without_a_page_is_shown_how_to_be_asked(modality, asked):
    candidate = Candidate(entry("model", modality=modality), Option("gguf", "Q8_0", "llama.cpp", GGUF), 8192)
    (note,) = run_command(candidate, ON_CARD).notes
    words = shlex.split(note.partition(": ")[2])
    assert words[0] == "curl" and words[2].endswith(asked) and json.loads(words[-1])
    assert not run_command(replace(candidate, entry=entry("model")), ON_CARD).notes


def test_ollama_makes_a_model_of_a_file_with_the_context():
    lines = _words(Option("gguf", "Q4_K_M", "ollama", GGUF), ON_CARD, file="/a b/m.gguf")
    assert [words[:2] for words in lines[1:]] == [["ollama", "create"], ["ollama", "run"]]
    assert "/a b/m.gguf" in lines[0] and "8192" in lines[0]
    assert _words(Option("gguf", "Q4_K_M", "ollama", GGUF), ON_CARD) == [
        ["ollama", "run", "hf.co/maker/model-GGUF:Q4_K_M"]
    ]


@pytest.mark.parametrize(("fit", "share"), [(ON_CARD, "max"), (ON_CPU, "off")])
def test_lm_studio_is_told_how_much_goes_to_the_card(fit, share):
    lines = _words(Option("gguf", "Q4_K_M", "lmstudio", GGUF), fit)
    assert _value(lines[1], "--gpu") == share and _value(lines[1], "--context-length") == "8192"


def test_lm_studio_takes_a_share_for_part_of_the_layers():
    fit = _fit(Placement("partial-offload", (_gpu(0, 11), HOST), 11, 32))
    assert float(_value(_words(Option("gguf", "Q4_K_M", "lmstudio", GGUF), fit)[1], "--gpu")) == pytest.approx(
        1 / 3, abs=0.01
    )


def test_lm_studio_links_a_file_and_loads_it_by_its_place():
    option = Option("gguf", "Q4_K_M", "lmstudio", GGUF)
    brought, load = _words(option, ON_CARD, file="/a b/m.gguf")
    assert brought[:2] == ["lms", "import"] and brought[-1] == "/a b/m.gguf"
    assert "--hard-link" in brought and _value(brought, "--user-repo") == "modelpick/model"
    assert load[:3] == ["lms", "load", "modelpick/model/m.gguf"]


def test_lm_studio_is_given_every_part_of_a_file():
    option = Option("gguf", "Q4_K_M", "lmstudio", GGUF)
    lines = _words(option, ON_CARD, file="/a/m-00001-of-00003.gguf")
    assert [words[-1] for words in lines[:-1]] == [f"/a/m-0000{part}-of-00003.gguf" for part in (1, 2, 3)]
    for whole in ("/a/m-1-of-3.gguf", "/a/one-of-a-kind.gguf", "/a/m-00001-of-000x3.gguf"):
        assert [words[-1] for words in _words(option, ON_CARD, file=whole)[:-1]] == [whole]


def test_vllm_splits_over_cards():
    fit = _fit(Placement("multi-gpu", (_gpu(0, 16), _gpu(1, 16)), 33, 32, tensor_parallel=2), users=4)
    (words,) = _words(Option("safetensors", "BF16", "vllm", WEIGHTS), fit)
    assert words[:3] == ["vllm", "serve", "maker/model"]
    assert _value(words, "--tensor-parallel-size") == "2" and _value(words, "--max-num-seqs") == "4"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_no_name_breaks_out_of_its_word_and_no_code_of_a_repository_is_run(runtime):
    nasty = "maker/m'; touch x; '\"$(touch y)"
    form = "safetensors" if runtime in ("vllm", "transformers", "mlx") else "gguf"
    lines = _words(Option(form, "Q4_K_M", runtime, Source(form, nasty, "official")), ON_CARD)
    for words in lines:
        assert words[0] in ("llama-server", "ollama", "lms", "vllm", "mlx_lm.chat", "python")
        assert not {"touch", "x;", "y)"} & set(words)
        assert not any("trust" in word for word in words)
        if words[:2] == ["python", "-c"]:
            compile(words[2], "run", "exec")
            assert nasty in [node.value for node in ast.walk(ast.parse(words[2])) if isinstance(node, ast.Constant)]
