"""What must hold for every model on every machine."""

from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.estimation.machines import machine, unified

from modelpick.estimation.architecture import from_config
from modelpick.estimation.footprint import footprint
from modelpick.estimation.interface import Fit, Settings, VariantSpec
from modelpick.estimation.placement import place

LADDER = ("Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16")
FAMILIES = ("llama", "qwen2", "qwen3", "gemma3", "phi3", "qwen3_moe", "mixtral", "deepseek_v3", "granitemoehybrid",
            "gpt_oss", "lfm2", "cohere2", "falcon_h1", "mystery")  # fmt: skip


@st.composite
def configs(draw):
    """Configurations of all families, small and large."""
    kind = draw(st.sampled_from(FAMILIES))
    heads = draw(st.sampled_from([4, 8, 12, 32, 64]))
    size = draw(st.sampled_from([64, 96, 128, 256]))
    config = {
        "model_type": kind,
        "num_hidden_layers": draw(st.integers(8, 96)),
        "hidden_size": draw(st.sampled_from([512, 896, 2048, 2880, 4096, 8192])),
        "num_attention_heads": heads,
        "num_key_value_heads": draw(st.sampled_from([1, 2, 4])),
        "head_dim": size,
        "intermediate_size": draw(st.sampled_from([1024, 4864, 14336, 28672])),
        "vocab_size": draw(st.sampled_from([32000, 151936, 262144])),
        "tie_word_embeddings": draw(st.booleans()),
        "sliding_window": draw(st.sampled_from([128, 1024, 4096])),
    }
    if kind in {"qwen3_moe", "mixtral", "deepseek_v3", "gpt_oss"}:
        config |= {"num_experts": draw(st.sampled_from([8, 64])), "num_experts_per_tok": 4,
                   "moe_intermediate_size": draw(st.sampled_from([768, 2048]))}  # fmt: skip
    if kind == "deepseek_v3":
        config["mla"] = {"kv_lora_rank": 512, "q_lora_rank": 1536, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128,
                         "v_head_dim": 128}  # fmt: skip
    return config


questions = st.builds(
    Settings,
    context=st.sampled_from([512, 4096, 8192, 32768, 131072]),
    cache_type_k=st.sampled_from(["f16", "q8_0", "q4_0"]),
    flash_attention=st.booleans(),
    slots=st.sampled_from([1, 4]),
    unified_cache=st.booleans(),
)
sizes = st.sampled_from([4.0, 8.0, 12.0, 16.0, 24.0, 48.0, 80.0])
machines = st.one_of(
    st.builds(machine, st.lists(sizes, max_size=3), sizes),
    st.builds(lambda ram, part: unified(ram, ram * part), sizes, st.floats(0.5, 1.0)),
)
mixes = st.sampled_from(LADDER)


def fits(config, mix, question, hardware):
    return isinstance(place(from_config(config), VariantSpec("gguf", mix), question, hardware), Fit)


def grown(hardware, factor):
    pools = tuple(
        replace(pool, total_bytes=round(pool.total_bytes * factor), free_bytes=round(pool.free_bytes * factor))
        for pool in hardware.pools
    )
    devices = tuple(
        replace(device, usable_bytes=round(device.usable_bytes * factor) if device.usable_bytes else None)
        for device in hardware.devices
    )
    return replace(hardware, pools=pools, devices=devices)


@settings(max_examples=150, deadline=None)
@given(configs(), mixes, questions, machines, st.floats(1.0, 3.0))
def test_more_memory_never_loses_a_fit(config, mix, question, hardware, factor):
    assume(fits(config, mix, question, hardware))
    assert fits(config, mix, question, grown(hardware, factor))


@settings(max_examples=150, deadline=None)
@given(configs(), mixes, questions, machines, st.floats(0.05, 1.0))
def test_less_context_never_loses_a_fit(config, mix, question, hardware, part):
    assume(fits(config, mix, question, hardware))
    assert fits(config, mix, replace(question, context=max(1, int(question.context * part))), hardware)


@settings(max_examples=150, deadline=None)
@given(configs(), st.integers(1, len(LADDER) - 1), questions, machines)
def test_fewer_bits_never_lose_a_fit(config, rung, question, hardware):
    assume(fits(config, LADDER[rung], question, hardware))
    assert fits(config, LADDER[rung - 1], question, hardware)


@settings(max_examples=100, deadline=None)
@given(configs(), mixes, questions, sizes, sizes)
def test_what_fits_one_gpu_fits_two(config, mix, question, gpu, ram):
    found = place(from_config(config), VariantSpec("gguf", mix), question, machine([gpu], ram))
    assume(isinstance(found, Fit))
    two = place(from_config(config), VariantSpec("gguf", mix), question, machine([gpu, gpu], ram))
    assert isinstance(two, Fit)
    if found.placement.kind == "gpu":
        assert two.placement.kind in {"gpu", "multi-gpu"}


@settings(max_examples=100, deadline=None)
@given(configs(), mixes, questions, machines, st.one_of(st.none(), st.integers(10**8, 10**11)))
def test_what_is_required_is_never_less_than_the_file(config, mix, question, hardware, file_bytes):
    architecture, spec = from_config(config), VariantSpec("gguf", mix, file_bytes=file_bytes)
    made = footprint(architecture, spec, question)
    assert made.total >= made.weights
    if file_bytes is not None:
        assert made.weights == file_bytes
    found = place(architecture, spec, question, hardware)
    if isinstance(found, Fit):
        assert sum(use.required_bytes for use in found.placement.uses) >= made.weights
        for use in found.placement.uses:
            assert 0 <= use.required_bytes <= use.available_bytes


@settings(max_examples=60, deadline=None)
@given(configs(), mixes, questions, machines)
def test_the_same_question_gets_the_same_answer(config, mix, question, hardware):
    first = place(from_config(config), VariantSpec("gguf", mix), question, hardware)
    again = place(from_config(dict(config)), VariantSpec("gguf", mix), replace(question), hardware)
    assert first == again


@settings(max_examples=60, deadline=None)
@given(configs(), mixes, questions)
def test_no_part_is_negative(config, mix, question):
    made = footprint(from_config(config), VariantSpec("gguf", mix), question)
    parts = (made.weights, made.kv_cache, made.recurrent_state, made.compute, made.overhead, made.projector)
    assert min(parts) >= 0
    assert made.total_range.low <= made.total <= made.total_range.high
