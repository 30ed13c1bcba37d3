from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelpick.estimation.architecture import from_config
from modelpick.estimation.cpu_memory import published_bandwidth
from modelpick.estimation.interface import Architecture, Placement, PoolUse, Settings, Speed, VariantSpec
from modelpick.estimation.speed import estimate_speed
from modelpick.estimation.speed_explain import explain_decode
from modelpick.estimation.speed_machine import card_of, generation_of, host_of, instructions_of
from modelpick.estimation.speed_work import BYTE, HALF, PACKED, kernel_of, work_of
from modelpick.hardware.interface import Cpu, Device, Hardware, MemoryPool, System

GIB = 2**30
LLAMA_8B = from_config(
    {
        "model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 32,
        "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256, "tie_word_embeddings": False,
    },
    params_total=8030261248,
)  # fmt: skip
LLAMA_1B = from_config(
    {
        "model_type": "llama", "num_hidden_layers": 16, "hidden_size": 2048, "num_attention_heads": 32,
        "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 8192, "vocab_size": 128256,
        "tie_word_embeddings": True,
    },
    params_total=1235814400,
)  # fmt: skip
QWEN_30B_A3B = from_config(
    {
        "model_type": "qwen3_moe", "num_hidden_layers": 48, "hidden_size": 2048, "num_attention_heads": 32,
        "num_key_value_heads": 4, "head_dim": 128, "vocab_size": 151936, "moe_intermediate_size": 768,
        "num_experts": 128, "num_experts_per_tok": 8, "tie_word_embeddings": False,
    },
    params_total=30532122624,
    params_active=3300000000,
)  # fmt: skip
Q4 = VariantSpec("gguf", "Q4_K_M")
BF16 = VariantSpec("safetensors", "BF16")
BYTES_8B = 4920734272  # bartowski/Meta-Llama-3.1-8B-Instruct-GGUF, Q4_K_M
BYTES_1B = 807694464  # bartowski/Llama-3.2-1B-Instruct-GGUF, Q4_K_M
RYZEN_X3D = Cpu("AMD Ryzen 7 7800X3D 8-Core Processor", "x86_64", 1, 8, 16, 16.0, ("avx2", "avx512f"))
XEON_V4 = Cpu("Intel(R) Xeon(R) CPU E5-2697A v4 @ 2.60GHz", "x86_64", 1, 16, 32, 32.0, ("avx2",))
CPU = Cpu("AMD Ryzen 9 5950X 16-Core Processor", "x86_64", 1, 16, 32, 32.0, ("avx", "avx2"))
RTX_3090 = Device(
    0, "NVIDIA GeForce RTX 3090", "nvidia", "cuda", "gpu0", compute_capability="8.6", fp16_flops=142.3e12,
    fp32_flops=35.6e12, pcie_generation=4, pcie_width=16,
)  # fmt: skip


def machine(*devices: Device, bandwidth: float | None = 936e9, cpu: Cpu = CPU, host: float | None = None) -> Hardware:
    pools = [MemoryPool("host", 64 * GIB, 60 * GIB, None if host is None else round(host))]
    known = None if bandwidth is None else round(bandwidth)
    pools += [
        MemoryPool(device.pool, 24 * GIB, 23 * GIB, known, "published") for device in devices if not device.unified
    ]
    return Hardware(cpu, System("linux"), tuple(pools), devices)


def on_gpus(arch: Architecture, *layers: int) -> Placement:
    total = arch.shape.layers if arch.shape else 32
    uses = tuple(PoolUse(f"gpu{index}", index, 0, 0, count) for index, count in enumerate(layers))
    return Placement("gpu" if len(layers) == 1 else "multi-gpu", uses, None, total)


def on_cpu(arch: Architecture) -> Placement:
    total = arch.shape.layers if arch.shape else None
    return Placement("cpu", (PoolUse("host", None, 0, 0, total or 0),), None, total)


def decode(speed: Speed | None) -> float:
    assert speed is not None
    found = speed.decode_tokens_per_second
    assert 0 < found.low <= found.likely <= found.high
    return found.likely


def prompt(speed: Speed | None) -> float:
    assert speed is not None and speed.prompt_tokens_per_second is not None
    found = speed.prompt_tokens_per_second
    assert 0 < found.low <= found.likely <= found.high
    return found.likely


@pytest.mark.parametrize(
    ("device", "bandwidth", "arch", "weights", "tokens", "measured"),
    [
        # github.com/XiongjieDai/GPU-Benchmarks-on-LLM-Inference, llama-bench tg512 and tg8192 (RTX 4090, 3090)
        (replace(RTX_3090, name="RTX 4090", compute_capability="8.9", fp16_flops=330.3e12, fp32_flops=82.6e12),
         1008e9, LLAMA_8B, BYTES_8B, 256, 130.6),
        # localscore.ai, RTX 3090, Llama 3.1 8B and Llama 3.2 1B Q4_K_M: medians of Linux hosts
        (RTX_3090, 936e9, LLAMA_8B, BYTES_8B, 1837, 103.0),
        (RTX_3090, 936e9, LLAMA_1B, BYTES_1B, 1837, 328.0),
        # localscore.ai, Tesla V100-SXM2-32GB and GeForce GTX 1080 Ti
        (Device(0, "V100", "nvidia", "cuda", "gpu0", compute_capability="7.0", fp16_flops=125e12, fp32_flops=15.7e12),
         900e9, LLAMA_1B, BYTES_1B, 1837, 249.0),
        (Device(0, "1080 Ti", "nvidia", "cuda", "gpu0", compute_capability="6.1", fp32_flops=11.3e12),
         484e9, LLAMA_1B, BYTES_1B, 1837, 145.0),
    ],
)  # fmt: skip
def test_recorded_gpu_runs_lie_in_the_range(device, bandwidth, arch, weights, tokens, measured):
    hardware = machine(device, bandwidth=bandwidth)
    settings = Settings(context=8192)
    speed = estimate_speed(arch, Q4, settings, weights, on_gpus(arch, arch.shape.layers), hardware, filled=tokens)
    assert speed is not None
    assert speed.decode_tokens_per_second.low <= measured <= speed.decode_tokens_per_second.high


@pytest.mark.parametrize(
    ("cpu", "arch", "weights", "measured"),
    [
        # localscore.ai, Linux
        (CPU, LLAMA_1B, BYTES_1B, 47.0),
        (RYZEN_X3D, LLAMA_8B, BYTES_8B, 10.6),
        (XEON_V4, LLAMA_1B, BYTES_1B, 52.5),
        (Cpu("Raspberry Pi 5 Model B Rev 1.0", "aarch64", 1, 4, 4, 4.0, ("neon",)), LLAMA_8B, BYTES_8B, 1.9),
    ],
)  # fmt: skip
def test_recorded_processor_runs_lie_in_the_range(cpu, arch, weights, measured):
    speed = estimate_speed(arch, Q4, Settings(), weights, on_cpu(arch), machine(cpu=cpu), filled=1837)
    assert speed is not None
    assert speed.decode_tokens_per_second.low <= measured <= speed.decode_tokens_per_second.high


def test_a_mixture_reads_only_its_active_experts():
    work = work_of(QWEN_30B_A3B, Q4, Settings(), 18556689568)
    assert work is not None and work.routed
    assert 2.6e9 < work.params < 3.2e9  # 3.3 B active, the card says, of which 0.31 B is the output matrix
    assert work.weight_bytes < work.all_weight_bytes / 8


def test_decoding_slows_with_depth_as_measured():
    # localmaxxing.com, RTX 4070 12 GB, a 9B of Qwen 3.5's shape, Q4_K_M: 74.5 tokens/s at 4k and 45.7 at 131k
    arch = from_config(
        {
            "model_type": "qwen3_5", "num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 16,
            "num_key_value_heads": 4, "head_dim": 256, "intermediate_size": 12288, "vocab_size": 248320,
            "full_attention_interval": 4, "linear_num_key_heads": 16, "linear_num_value_heads": 32,
            "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4,
        },
    )  # fmt: skip
    card = replace(RTX_3090, name="RTX 4070", compute_capability="8.9", fp16_flops=116.6e12, fp32_flops=29.1e12)
    hardware = machine(card, bandwidth=504e9)
    settings = Settings(context=131072)
    near, far = (
        decode(estimate_speed(arch, Q4, settings, round(5.4e9), on_gpus(arch, 32), hardware, filled=filled))
        for filled in (4096, 131072)
    )
    assert far / near == pytest.approx(45.7 / 74.5, rel=0.15)


@given(st.floats(50e9, 4e12), st.floats(1.01, 3))
def test_more_bandwidth_is_never_slower(bandwidth, factor):
    def at(rate):
        return decode(
            estimate_speed(LLAMA_8B, Q4, Settings(), BYTES_8B, on_gpus(LLAMA_8B, 32), machine(RTX_3090, bandwidth=rate))
        )

    assert at(bandwidth * factor) > at(bandwidth)


@given(st.integers(256, 200_000), st.integers(1, 100_000))
def test_more_context_is_never_faster(context, more):
    def at(tokens, placement, hardware):
        return decode(estimate_speed(LLAMA_8B, Q4, Settings(context=tokens), BYTES_8B, placement, hardware))

    for placement in (on_gpus(LLAMA_8B, 32), on_gpus(LLAMA_8B, 20), on_cpu(LLAMA_8B)):
        hardware = machine(RTX_3090)
        assert at(context + more, placement, hardware) < at(context, placement, hardware)


@given(st.integers(2 * 10**9, 8 * 10**9), st.integers(10**6, 10**9))
def test_fewer_bytes_of_one_kind_are_never_slower(weights, more):
    def at(size):
        return decode(estimate_speed(LLAMA_8B, Q4, Settings(), size, on_gpus(LLAMA_8B, 32), machine(RTX_3090)))

    assert at(weights) > at(weights + more)


@given(st.integers(0, 31), st.integers(1, 32))
def test_more_layers_on_the_gpu_are_never_slower(layers, more):
    def at(count):
        return estimate_speed(LLAMA_8B, Q4, Settings(), BYTES_8B, on_gpus(LLAMA_8B, count), machine(RTX_3090))

    few, many = at(layers), at(min(layers + more, 32))
    assert decode(many) >= decode(few)
    assert prompt(many) >= prompt(few) * 0.999


@given(st.integers(1, 31))
def test_two_equal_gpus_decode_as_fast_as_one(layers):
    second = replace(RTX_3090, index=1, pool="gpu1")
    one = decode(estimate_speed(LLAMA_8B, Q4, Settings(), BYTES_8B, on_gpus(LLAMA_8B, 32), machine(RTX_3090)))
    two = estimate_speed(
        LLAMA_8B, Q4, Settings(), BYTES_8B, on_gpus(LLAMA_8B, layers, 32 - layers), machine(RTX_3090, second)
    )
    assert decode(two) == pytest.approx(one)


def test_tensor_parallel_halves_the_reading():
    second = replace(RTX_3090, index=1, pool="gpu1")
    hardware = machine(RTX_3090, second)
    uses = tuple(PoolUse(f"gpu{index}", index, 0, 0, 32) for index in range(2))
    settings = Settings(runtime="vllm")
    variant = VariantSpec("safetensors", "BF16")
    both = estimate_speed(LLAMA_8B, variant, settings, 16 * 10**9, Placement("multi-gpu", uses, None, 32, 2), hardware)
    alone = estimate_speed(LLAMA_8B, variant, settings, 16 * 10**9, on_gpus(LLAMA_8B, 32), hardware)
    assert decode(alone) * 1.5 < decode(both) < decode(alone) * 2


def _two_cards(runtime, arch=LLAMA_8B, size=16 * 10**9, variant=BF16, card=RTX_3090):
    hardware = machine(card, replace(card, index=1, pool="gpu1"))
    uses = tuple(PoolUse(f"gpu{index}", index, 0, 0, arch.shape.layers) for index in range(2))
    placement = Placement("multi-gpu", uses, None, arch.shape.layers, 2)
    return arch, variant, Settings(runtime=runtime), size, placement, hardware


def test_every_card_runs_every_layer_and_meets_the_others_in_each():
    # So small that only layers and meetings are left: two cards are slower than one.
    tiny = from_config(
        {"model_type": "llama", "num_hidden_layers": 32, "hidden_size": 64, "num_attention_heads": 4,
         "num_key_value_heads": 4, "intermediate_size": 64, "vocab_size": 500}
    )  # fmt: skip
    asked = _two_cards("vllm", tiny, 10**6)
    both = decode(estimate_speed(*asked))
    alone = decode(estimate_speed(*asked[:4], on_gpus(tiny, 32), machine(RTX_3090)))
    assert both < 0.6 * alone
    linked = replace(RTX_3090, nvlink_bytes_per_second=50 * 10**9)
    assert both < decode(estimate_speed(*_two_cards("vllm", tiny, 10**6, card=linked))) < alone
    told = explain_decode(*asked)
    assert any("meet 2 times in each of 32 layers" in line for line in told)
    assert f"{both:.1f} tokens/s" in told[-1]


def test_transformers_hands_tokens_from_card_to_card():
    asked = _two_cards("transformers")
    both = estimate_speed(*asked)
    alone = estimate_speed(*asked[:4], on_gpus(LLAMA_8B, 32), machine(RTX_3090))
    assert decode(both) == pytest.approx(decode(alone), rel=0.01)
    assert both.prompt_tokens_per_second.likely == pytest.approx(alone.prompt_tokens_per_second.likely, rel=0.01)


@pytest.mark.parametrize(("form", "bits", "measured"), [("INT4", 4.5, (156, 168, 171)), ("FP8", 8.1, (140,))])
def test_two_cards_under_vllm_as_measured(form, bits, measured):
    """Qwen3.6 35B A3B on 2 x RTX 3090, one user: https://www.localmaxxing.com, through the llmfit project (MIT)."""
    config = {
        "model_type": "qwen3_5_moe", "num_hidden_layers": 40, "num_attention_heads": 16, "num_key_value_heads": 2,
        "head_dim": 256, "hidden_size": 2048, "vocab_size": 248320, "moe_intermediate_size": 512, "num_experts": 256,
        "num_experts_per_tok": 8, "shared_expert_intermediate_size": 512,
        "ssm": {"kind": "gated_deltanet", "full_attention_interval": 4, "conv_kernel": 4, "linear_key_head_dim": 128,
                "linear_value_head_dim": 128, "linear_num_key_heads": 16, "linear_num_value_heads": 32},
    }  # fmt: skip
    arch = from_config(config, params_total=35_951_822_704, params_active=3_000_000_000)
    variant = VariantSpec({"INT4": "gptq", "FP8": "fp8"}[form], form)
    found = estimate_speed(*_two_cards("vllm", arch, round(35.95e9 * bits / 8), variant), filled=1000)
    likely = found.decode_tokens_per_second
    assert all(likely.low < one < likely.high for one in measured)
    assert likely.likely == pytest.approx(sum(measured) / len(measured), rel=0.25)


@given(st.integers(1, 64))
def test_more_users_slow_each_of_them_and_speed_them_together(users):
    def at(count):
        settings = Settings(users=count)
        return decode(estimate_speed(LLAMA_8B, Q4, settings, BYTES_8B, on_gpus(LLAMA_8B, 32), machine(RTX_3090)))

    assert at(users + 1) < at(users)
    assert at(users + 1) * (users + 1) > at(users) * users


def test_experts_on_the_host_lie_between_all_on_the_gpu_and_none():
    hardware = machine(RTX_3090)
    size = 18556689568

    def at(kept):
        use = PoolUse("gpu0", 0, 0, 0, 48)
        placement = Placement("experts-on-host", (use,), 49, 48, experts_on_host=kept)
        return decode(estimate_speed(QWEN_30B_A3B, Q4, Settings(), size, placement, hardware))

    everything = decode(estimate_speed(QWEN_30B_A3B, Q4, Settings(), size, on_gpus(QWEN_30B_A3B, 48), hardware))
    nothing = decode(estimate_speed(QWEN_30B_A3B, Q4, Settings(), size, on_cpu(QWEN_30B_A3B), hardware))
    assert nothing < at(48) < at(24) < everything


def test_unknown_figures_widen_the_range():
    known = estimate_speed(LLAMA_8B, Q4, Settings(), BYTES_8B, on_gpus(LLAMA_8B, 32), machine(RTX_3090))
    blank = Device(0, "some GPU", "nvidia", "cuda", "gpu0")
    unknown = estimate_speed(LLAMA_8B, Q4, Settings(), BYTES_8B, on_gpus(LLAMA_8B, 32), machine(blank, bandwidth=None))
    assert known is not None and unknown is not None and unknown.notes and not known.notes

    def width(speed):
        return speed.decode_tokens_per_second.high / speed.decode_tokens_per_second.low

    assert width(unknown) > width(known) * 1.2


def test_a_model_of_unknown_shape_has_a_wide_estimate():
    arch = Architecture("decoder", None, params_total=7 * 10**9, missing=("num_hidden_layers",))
    speed = estimate_speed(arch, Q4, Settings(), 4 * 10**9, on_gpus(arch, 32), machine(RTX_3090))
    assert speed is not None and speed.notes
    assert 50 < decode(speed) < 200


@pytest.mark.parametrize("kind", ["encoder", "speech", "diffusion"])
def test_what_does_not_write_token_by_token_has_no_token_rate(kind):
    arch = replace(LLAMA_1B, kind=kind)
    assert estimate_speed(arch, Q4, Settings(), BYTES_1B, on_gpus(arch, 16), machine(RTX_3090)) is None


def test_the_basis_names_bytes_bandwidth_and_origin():
    speed = estimate_speed(LLAMA_8B, Q4, Settings(), BYTES_8B, on_gpus(LLAMA_8B, 32), machine(RTX_3090))
    assert speed is not None
    assert "936 GB/s (published)" in speed.basis and "GB of weights" in speed.basis
    assert speed.time_to_first_token_seconds is not None
    assert speed.time_to_first_token_seconds.likely > 1024 / prompt(speed)


@pytest.mark.parametrize(
    ("name", "kernel"),
    [("F16", HALF), ("BF16", HALF), ("Q8_0", BYTE), ("Q4_0", BYTE), ("MXFP4", BYTE), ("FP8", BYTE), ("AWQ", BYTE),
     ("Q4_K_M", PACKED), ("IQ2_XXS", PACKED), ("UD-Q4_K_XL", PACKED)],
)  # fmt: skip
def test_kernel_classes(name, kernel):
    assert kernel_of(name) == kernel


@pytest.mark.parametrize(
    ("name", "gigabytes"),
    [
        ("AMD Ryzen 9 5950X 16-Core Processor", 51.2), ("AMD EPYC 9454P 48-Core Processor", 460.8),
        ("AMD EPYC 7352 24-Core Processor", 204.8), ("AMD Ryzen AI 9 HX 370 w/ Radeon 890M", 120.0),
        ("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", 256.0), ("Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", 38.4),
        ("13th Gen Intel(R) Core(TM) i7-13700K", 89.6), ("Intel(R) Xeon(R) Platinum 8280 CPU @ 2.70GHz", 140.8),
        ("Intel(R) Xeon(R) Platinum 8480+", 307.2), ("Intel(R) Xeon(R) w5-3425", 307.2), ("Apple M2 Ultra", 800.0),
        ("AMD Ryzen 7 7840HS w/ Radeon 780M Graphics", 89.6), ("AMD Ryzen 5 7430U with Radeon Graphics", 51.2),
    ],
)  # fmt: skip
def test_processor_families_tell_their_memory(name, gigabytes):
    found = published_bandwidth(name)
    assert found is not None and found / 1e9 == pytest.approx(gigabytes, rel=0.01)


def test_an_unknown_processor_has_no_published_bandwidth():
    assert published_bandwidth("QEMU Virtual CPU version 2.5+") is None
    assert published_bandwidth(None) is None


def test_few_cores_cannot_draw_all_of_a_servers_bandwidth():
    slice_ = Cpu("AMD EPYC 9454P 48-Core Processor", "x86_64", 1, 48, 96, 2.0, ("avx2", "avx512f"))
    assert host_of(machine(cpu=slice_)).bandwidth < 50e9
    assert host_of(machine(cpu=replace(slice_, usable_cores=96.0))).cores == 48


def test_measured_bandwidth_wins_over_the_family():
    assert host_of(machine(host=30e9)).bandwidth == 30e9


def test_generations_and_instructions():
    assert generation_of(RTX_3090) == "ampere"
    assert generation_of(replace(RTX_3090, compute_capability="12.0")) == "blackwell"
    assert generation_of(Device(0, "x", "amd", "rocm", "p", gfx="gfx1030")) == "rdna2"
    assert generation_of(Device(0, "x", "amd", "rocm", "p", gfx="gfx90a")) == "cdna"
    assert instructions_of(Cpu(None, "arm64", 1, 8, 8, 8.0)) == "neon"
    assert instructions_of(Cpu(None, "x86_64", 1, 8, 8, 8.0, ("avx", "avx2", "avx512f"))) == "avx512"


def test_a_unified_gpu_reads_the_hosts_memory():
    chip = Device(0, "Apple M4 Max", "apple", "metal", "host", unified=True, fp16_flops=16.2e12)
    hardware = machine(chip, cpu=Cpu("Apple M4 Max", "arm64", 1, 16, 16, 16.0, ("neon",)))
    assert card_of(chip, hardware).bandwidth == 546e9
