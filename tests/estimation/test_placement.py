from dataclasses import replace

import pytest
from tests.estimation.machines import machine, unified
from tests.estimation.recorded import SHAPES

from modelpick.errors import UsageError
from modelpick.estimation.architecture import from_config
from modelpick.estimation.context import best_quantisation, max_context
from modelpick.estimation.footprint import footprint
from modelpick.estimation.interface import Architecture, Fit, Misfit, Settings, VariantSpec
from modelpick.estimation.placement import place
from modelpick.units import GIB, MIB

LLAMA_8B = from_config(SHAPES["Llama-3.1-8B"])
LLAMA_70B = from_config(SHAPES["Llama-3.3-70B"])
QWEN_MOE = from_config(SHAPES["Qwen3-30B-A3B"])
Q4 = VariantSpec("gguf", "Q4_K_M")


def kind(found):
    return found.placement.kind if isinstance(found, Fit) else "misfit"


@pytest.mark.parametrize(
    ("architecture", "hardware", "expected"),
    [
        (LLAMA_8B, machine([24]), "gpu"),
        (LLAMA_8B, machine([4, 24]), "gpu"),
        (LLAMA_8B, machine([4], ram=32), "partial-offload"),
        (LLAMA_8B, machine([0.5], ram=32), "cpu"),
        (LLAMA_8B, machine([], ram=32), "cpu"),
        (LLAMA_8B, machine([], ram=4), "misfit"),
        (LLAMA_8B, unified(16, 11), "unified"),
        (LLAMA_8B, unified(16, 4), "cpu"),
        (LLAMA_70B, machine([24, 24]), "multi-gpu"),
        (LLAMA_70B, machine([24, 12, 12]), "multi-gpu"),
        (LLAMA_70B, machine([24], ram=64), "partial-offload"),
        (QWEN_MOE, machine([8], ram=32), "experts-on-host"),
    ],
)
def test_where_a_model_goes(architecture, hardware, expected):
    assert kind(place(architecture, Q4, Settings(), hardware)) == expected


def test_everything_adds_up_on_one_gpu():
    found = place(LLAMA_8B, Q4, Settings(context=8192), machine([24]))
    device, host = found.placement.uses
    made = found.footprint
    assert found.placement.gpu_layers == 33
    assert device.kv_cache_bytes == made.kv_cache == 1 * GIB
    assert device.compute_bytes == made.compute
    parts = (device.weights_bytes, device.kv_cache_bytes, device.compute_bytes, device.overhead_bytes)
    assert device.required_bytes == sum(parts)
    # The embedding stays on the host: Q4_K, 4.5 bits for 4096 x 128256 elements.
    assert host.weights_bytes == 4096 * 128256 * 144 // 256
    assert host.device is None
    assert device.required_bytes + host.required_bytes > made.weights


def test_a_reserve_is_kept_free():
    found = place(LLAMA_8B, Q4, Settings(), machine([24]))
    assert found.placement.uses[0].available_bytes == 24 * GIB - 55 * MIB - round(0.03 * 24 * GIB)


def test_free_memory_counts_unless_idle_is_assumed():
    hardware = machine([24])
    busy = replace(hardware, pools=(hardware.pools[0], replace(hardware.pools[1], free_bytes=2 * GIB)))
    assert kind(place(LLAMA_8B, Q4, Settings(), busy)) == "partial-offload"
    assert kind(place(LLAMA_8B, Q4, Settings(), busy, assume_idle=True)) == "gpu"


def test_a_hidden_gpu_is_not_used():
    hardware = machine([24])
    hidden = replace(hardware, devices=(replace(hardware.devices[0], visible=False),))
    assert kind(place(LLAMA_8B, Q4, Settings(), hidden)) == "cpu"


def test_as_many_layers_as_fit_go_to_the_gpu():
    found = place(LLAMA_70B, Q4, Settings(), machine([24], ram=64))
    layers, device = found.placement.gpu_layers, found.placement.uses[0]
    assert 1 < layers < 81
    assert device.layers == layers - 1
    one_layer = device.weights_bytes // device.layers
    assert device.available_bytes - device.required_bytes < 1.3 * one_layer
    assert sum(use.layers for use in found.placement.uses) == 80


def test_experts_move_to_the_host_layer_by_layer():
    few = place(QWEN_MOE, Q4, Settings(), machine([14], ram=32)).placement
    many = place(QWEN_MOE, Q4, Settings(), machine([8], ram=32)).placement
    assert 0 < few.experts_on_host < many.experts_on_host <= 48
    assert few.gpu_layers == many.gpu_layers == 49


def test_layers_are_dealt_out_to_unequal_gpus():
    found = place(LLAMA_70B, Q4, Settings(), machine([24, 12, 12])).placement
    counts = [use.layers for use in found.uses if use.device is not None]
    assert sum(counts) == 80
    assert counts[0] > counts[1]


@pytest.mark.parametrize(("gpus", "expected"), [(2, None), (4, 4), (8, 8)])
def test_tensor_parallel_for_vllm(gpus, expected):
    settings = Settings(runtime="vllm", context=8192)
    found = place(
        LLAMA_70B, VariantSpec("safetensors", "bf16"), settings, machine([80] * gpus if gpus > 2 else [40] * 2)
    )
    if expected is None:
        assert isinstance(found, Misfit)
    else:
        assert found.placement.tensor_parallel in {2, 4}


def test_vllm_wants_heads_that_divide():
    odd = from_config({**SHAPES["Llama-3.3-70B"], "n_heads": 63, "n_kv_heads": 7})
    found = place(odd, VariantSpec("safetensors", "bf16"), Settings(runtime="vllm"), machine([80, 80]))
    assert isinstance(found, Misfit)


def test_a_misfit_has_numbers():
    found = place(LLAMA_70B, Q4, Settings(), machine([8], ram=16))
    assert isinstance(found, Misfit)
    assert found.needed_bytes > found.available_bytes > 0
    assert found.pool in {"host", "gpu0"}


def test_an_unknown_size_is_a_misfit_not_a_guess():
    found = place(Architecture("decoder", None), VariantSpec("gguf", "Q4_K_M"), Settings(), machine([24]))
    assert isinstance(found, Misfit)
    assert "unknown" in found.reason


def test_a_known_file_size_wins_and_says_so():
    spec = VariantSpec("gguf", "Q4_K_M", file_bytes=6 * GIB, file_origin="measured")
    made = footprint(LLAMA_8B, spec, Settings())
    assert made.weights == 6 * GIB
    assert made.weights_origin == "measured"
    assert footprint(LLAMA_8B, Q4, Settings()).weights_origin == "estimated"


def test_a_dynamic_mix_is_taken_for_its_relative_and_says_so():
    made = footprint(LLAMA_8B, VariantSpec("gguf", "UD-Q4_K_XL"), Settings())
    assert made.weights == footprint(LLAMA_8B, Q4, Settings()).weights
    assert not made.exact
    assert any("UD-Q4_K_XL" in note for note in made.notes)


def test_missing_fields_widen_the_range():
    absent = {key: value for key, value in SHAPES["Llama-3.1-8B"].items() if key != "ffn"}
    exact = footprint(LLAMA_8B, Q4, Settings())
    guessed = footprint(from_config(absent, params_total=8_030_261_312), Q4, Settings())
    nothing = footprint(Architecture("decoder", None, params_total=8_030_261_312), Q4, Settings())

    def width(made):
        return made.total_range.high / made.total_range.low

    assert exact.exact and not guessed.exact and not nothing.exact
    assert width(exact) < width(guessed) < width(nothing)
    assert any("intermediate_size" in note for note in guessed.notes)
    for made in (exact, guessed, nothing):
        assert made.total_range.low <= made.total <= made.total_range.high


def test_the_longest_context():
    longest = max_context(LLAMA_8B, Q4, Settings(), machine([8]))
    assert longest % 256 == 0
    assert kind(place(LLAMA_8B, Q4, Settings(context=longest), machine([8]))) == "gpu"
    assert kind(place(LLAMA_8B, Q4, Settings(context=longest + 256), machine([8]))) != "gpu"
    trained = replace(LLAMA_8B, context_length=131072)
    assert max_context(trained, Q4, Settings(), machine([48])) == 131072
    assert max_context(LLAMA_8B, Q4, Settings(), machine([], ram=4)) is None


def test_the_best_quantisation():
    on_gpu = frozenset({"gpu"})
    small, _ = best_quantisation(LLAMA_8B, Settings(context=32768), machine([12]), kinds=on_gpu)
    large, fit = best_quantisation(LLAMA_8B, Settings(context=32768), machine([24]), kinds=on_gpu)
    assert (small.quantisation, large.quantisation) == ("Q6_K", "BF16")
    assert fit.placement.kind == "gpu"
    assert best_quantisation(LLAMA_70B, Settings(), machine([12]), kinds=on_gpu) is None


def test_a_projector_counts():
    sees = from_config(SHAPES["Gemma-3-27B"], params_total=27_432_406_640, modality="vision-language")
    plain = from_config(SHAPES["Gemma-3-27B"])
    with_tower = footprint(sees, Q4, Settings())
    assert with_tower.projector > 2 * 27_432_406_640 - 2 * 27_009_346_304
    assert footprint(plain, Q4, Settings()).projector == 0
    assert footprint(sees, replace(Q4, projector_bytes=850 * MIB), Settings()).projector > 850 * MIB


def test_a_cache_of_fewer_bits_is_smaller():
    def cache(type_):
        return footprint(LLAMA_8B, Q4, Settings(cache_type_k=type_, cache_type_v=type_)).kv_cache

    assert cache("q8_0") == cache("f16") * 34 // 64
    assert cache("q4_0") == cache("f16") * 18 // 64


def test_flash_attention_saves_the_scores():
    with_it = footprint(LLAMA_8B, Q4, Settings(context=32768))
    without = footprint(LLAMA_8B, Q4, Settings(context=32768, flash_attention=False))
    assert without.compute - with_it.compute > 1.9 * GIB


def test_slots_multiply_windows_and_states():
    gemma, granite = (from_config(SHAPES[name]) for name in ("Gemma-3-27B", "Granite-4.0-H-Tiny"))
    one, four = Settings(context=32768), Settings(context=32768, slots=4)
    # Table 2.1 of the readings: 3184 and 4432 MiB; state 55.37 MiB a slot.
    assert footprint(gemma, Q4, one).kv_cache / MIB == 3184
    assert footprint(gemma, Q4, four).kv_cache / MIB == 4432
    assert footprint(granite, Q4, four).recurrent_state == 4 * footprint(granite, Q4, one).recurrent_state


def test_runtimes_differ():
    bf16 = VariantSpec("safetensors", "bf16")
    torch = footprint(LLAMA_8B, bf16, Settings(runtime="transformers", context=8192))
    served = footprint(LLAMA_8B, bf16, Settings(runtime="vllm", context=8192, users=4))
    assert torch.weights == served.weights == pytest.approx(16_060_522_624, rel=0.001)
    assert served.kv_cache == 4 * 8192 * 131072
    assert torch.kv_cache <= 8192 * 131072


def test_speech_and_images_have_honest_ranges():
    whisper = from_config(
        {"model_type": "whisper", "hidden_size": 1280, "num_attention_heads": 20, "intermediate_size": 5120,
         "vocab_size": 51866, "encoder_layers": 32, "decoder_layers": 32, "num_mel_bins": 128},
        params_total=1_543_490_560,
    )  # fmt: skip
    made = footprint(whisper, VariantSpec("safetensors", "fp16"), Settings())
    assert made.weights == pytest.approx(2 * 1_543_490_560, rel=0.05)
    # Keys and values of 1500 frames and 448 tokens in 32 layers of 1280, 16 bits.
    assert made.kv_cache == 2 * 32 * (1500 + 448) * 1280 * 2
    assert not made.exact
    image = from_config(
        {"pipeline": "StableDiffusionXLPipeline", "unet_params": 2_567_463_684, "text_encoder_params": 123_060_480,
         "text_encoder_2_params": 694_659_840, "vae_params": 83_653_863, "native_resolution": 1024}
    )  # fmt: skip
    sdxl = footprint(image, VariantSpec("safetensors", "fp16"), Settings())
    assert sdxl.weights == pytest.approx(2 * 3_468_837_867, rel=0.05)
    assert sdxl.total_range.low < 8.5 * GIB < sdxl.total_range.high
    assert sdxl.total_range.high > 1.3 * sdxl.total_range.low


def test_encoders_keep_no_cache():
    bert = from_config(
        {"model_type": "bert", "num_hidden_layers": 12, "num_attention_heads": 12, "hidden_size": 384,
         "intermediate_size": 1536, "vocab_size": 30522},
        params_total=33_360_000, modality="embedding",
    )  # fmt: skip
    made = footprint(bert, VariantSpec("safetensors", "fp16"), Settings(context=512))
    assert (made.kv_cache, made.recurrent_state) == (0, 0)
    assert made.weights == pytest.approx(2 * 33_360_000, rel=0.05)


@pytest.mark.parametrize(
    ("format_", "name", "bits"),
    [
        ("safetensors", "bf16", 16.0),
        ("safetensors", None, 16.0),
        ("fp8", None, 8.0),
        ("gptq", "int4", 4.16),
        ("awq", None, 4.16),
        ("gptq", "int8", 8.19),
        ("bnb", "nf4", 4.5),
        ("bnb", "nf4-double", 4.13),
        ("bnb", "int8", 8.0),
        ("compressed-tensors", "w4a16", 4.125),
        ("mlx", "4bit", 4.5),
        ("mlx", "8bit", 8.5),
        ("exl2", "5.0bpw", 5.0),
    ],
)
def test_bits_of_other_formats(format_, name, bits):
    shape = LLAMA_70B.shape
    outer = 2 * shape.vocab * shape.hidden
    linear = 70_553_706_560 - outer
    outer_bits = bits if format_ == "mlx" else 16
    expected = (linear * bits + outer * outer_bits) / 8
    made = footprint(LLAMA_70B, VariantSpec(format_, name), Settings(runtime="transformers"))
    assert made.weights == pytest.approx(expected, rel=0.005)


def test_a_cache_type_that_does_not_exist():
    with pytest.raises(UsageError, match="q7_9"):
        footprint(LLAMA_8B, Q4, Settings(cache_type_k="q7_9"))
