"""Only what a runtime reads on a backend becomes an option."""

import pytest
from tests.selection.world import entry, machine, needs

from modelpick.selection.interface import Source
from modelpick.selection.options import LADDER, options_for

NONE = frozenset[str]()


def made(one, hardware, types=NONE, **wanted):
    return options_for(one, hardware, needs(**wanted), types)


def test_published_gguf_comes_as_a_ladder_best_first() -> None:
    options = made(entry("m"), machine())
    assert [option.quantisation for option in options] == list(LADDER)
    assert {option.runtime for option in options} == {"llama.cpp"}
    assert not any(option.made_here for option in options)


def test_the_publisher_own_repository_comes_before_others() -> None:
    sources = (Source("gguf", "other/m-GGUF", "community"), Source("gguf", "maker/m-GGUF", "official"))
    assert made(entry("m", sources=sources), machine())[0].source.repo == "maker/m-GGUF"


def test_listed_files_are_offered_as_listed() -> None:
    sources = (Source("gguf", "r", "official", "Q4_K_M", 5), Source("gguf", "r", "official", "Q8_0", 9))
    assert [option.quantisation for option in made(entry("m", sources=sources), machine())] == ["Q8_0", "Q4_K_M"]


def test_weights_nobody_published_as_gguf_are_quantised_here_if_we_can() -> None:
    weights = entry("m", sources=(Source("safetensors", "maker/m", "official"),))
    assert all(option.made_here for option in made(weights, machine(), frozenset({"llama"})))
    assert {option.format for option in made(weights, machine())} == {"safetensors"}


@pytest.mark.parametrize("low_bit", ["fp8", "nvfp4", "awq", "gptq", "mlx"])
def test_a_processor_is_not_offered_what_it_cannot_run(low_bit: str) -> None:
    one = entry("m", sources=(Source(low_bit, "maker/m", "official", "INT4"),))
    assert made(one, machine()) == []
    for runtime in ("transformers", "vllm", "mlx"):
        assert made(one, machine(), runtimes=(runtime,)) == []


@pytest.mark.parametrize(
    ("format_", "capability", "offered"),
    [
        ("fp8", "8.9", True),
        ("fp8", "8.6", False),
        ("nvfp4", "10.0", True),
        ("nvfp4", "9.0", False),
        ("awq", "7.5", True),
    ],
)
def test_low_bit_formats_want_the_instructions(format_: str, capability: str, offered: bool) -> None:
    one = entry("m", sources=(Source(format_, "maker/m", "official", "INT4"),))
    options = made(one, machine(gpu="cuda", capability=capability), runtimes=("vllm",))
    assert bool(options) is offered


def test_no_mlx_on_cuda_and_no_vllm_on_metal() -> None:
    both = entry(
        "m", sources=(Source("mlx", "maker/m", "community", "MLX-4bit"), Source("safetensors", "m", "official"))
    )
    assert made(both, machine(gpu="cuda", capability="9.0"), runtimes=("mlx",)) == []
    assert made(both, machine(gpu="metal"), runtimes=("vllm",)) == []
    assert made(both, machine(gpu="metal"), runtimes=("mlx",))[0].format == "mlx"


def test_speech_is_not_given_to_llama_cpp() -> None:
    speech = entry("whisper", modality="speech-to-text", sources=(Source("safetensors", "m", "official", "F16"),))
    assert {option.runtime for option in made(speech, machine())} == {"transformers"}


def test_only_the_quantisations_that_were_asked_for_in_any_spelling() -> None:
    assert [option.quantisation for option in made(entry("m"), machine(), quantisations=("q4_k_m",))] == ["Q4_K_M"]
    assert made(entry("m"), machine(), quantisations=("Q7",)) == []


def test_what_was_trained_in_four_bits_stays_as_it_is() -> None:
    native = entry(
        "m", sources=(Source("safetensors", "maker/m", "official", "MXFP4"), Source("gguf", "x/m-GGUF", "community"))
    )
    assert [option.quantisation for option in made(native, machine())] == ["MXFP4_MOE"]


def test_one_odd_listed_form_does_not_hide_the_repository_with_all_the_others() -> None:
    sources = (Source("gguf", "maker/m-q4_0", "official", "Q4_0"), Source("gguf", "other/m-GGUF", "community"))
    options = made(entry("m", sources=sources), machine())
    assert [option.quantisation for option in options] == [*LADDER, "Q4_0"]
    assert [option.source.repo for option in options] == ["other/m-GGUF"] * len(LADDER) + ["maker/m-q4_0"]


@pytest.mark.parametrize(("modality", "served"), [("text", True), ("embedding", True), ("text-to-image", False)])
def test_vllm_is_given_what_it_serves(modality: str, served: bool) -> None:
    options = made(entry("m", modality=modality), machine(gpu="cuda", capability="9.0"), runtimes=("vllm",))
    assert bool(options) is served


def test_a_model_of_many_kinds_speaks_with_the_library_of_its_makers_only() -> None:
    omni = entry("omni", modality="any-to-any", tasks=("chat", "text-to-speech"))
    assert {option.format for option in made(omni, machine(), task="chat")} == {"gguf"}
    assert {option.runtime for option in made(omni, machine(), task="text-to-speech")} == {"transformers"}
