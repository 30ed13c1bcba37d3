"""The rules of lineage one by one, and the laws that hold for all of them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.licensing.world import STRICTER, card, catalogue, family, nobody, verdict

from modelpick.licensing.interface import Card, ParentInfo
from modelpick.licensing.judge import judge
from modelpick.licensing.serialise import from_json, to_json


def test_a_permissive_base_lets_the_child_choose() -> None:
    found = verdict("a/b", "cc-by-nc-4.0", ("Qwen/Qwen2.5-7B",), "finetune")
    assert (found.binding_licenses, found.commercial_use, found.status) == (("cc-by-nc-4.0",), "no", "consistent")


def test_the_notices_of_a_permissive_base_still_travel() -> None:
    found = verdict("a/b", "mit", ("Qwen/Qwen2.5-7B",), "finetune")
    assert found.binding_licenses == ("mit",)
    owed = {(each.license, each.condition.kind) for each in found.obligations}
    assert ("apache-2.0", "attribution") in owed


@pytest.mark.parametrize(
    ("base", "binding"),
    [
        ("meta-llama/Llama-2-7b-hf", "llama2"),
        ("meta-llama/Meta-Llama-3-8B", "llama3"),
        ("meta-llama/Llama-3.1-8B", "llama3.1"),
        ("meta-llama/Llama-3.2-1B", "llama3.2"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama3.3"),
        ("meta-llama/Llama-4-Scout-17B-16E", "llama4"),
        ("google/gemma-2-2b", "gemma"),
        ("google/gemma-3n-E2B-it", "gemma"),
        ("Qwen/Qwen2.5-3B", "qwen-research"),
        ("Qwen/Qwen2.5-72B", "qwen"),
        ("Qwen/Qwen2-72B", "tongyi-qianwen"),
        ("Qwen/CodeQwen1.5-7B", "tongyi-qianwen-research"),
        ("tiiuae/falcon-11B", "falcon-llm-license"),
        ("tiiuae/falcon-180B", "tii-falcon-180b"),
        ("mistralai/Mistral-Large-Instruct-2407", "mrl-0.1"),
        ("mistralai/Codestral-22B-v0.1", "mnpl-0.1"),
        ("black-forest-labs/FLUX.1-dev", "flux-1-dev-non-commercial-license"),
        ("LGAI-EXAONE/EXAONE-3.5-7.8B-Instruct", "exaone"),
        ("THUDM/glm-4-9b", "glm-4"),
        ("THUDM/CogVideoX-5b", "cogvideox"),
        ("tencent/HunyuanVideo", "tencent-hunyuan-community"),
        ("CohereForAI/c4ai-command-r-v01", "cohere-cc-by-nc"),
        ("bigcode/starcoder", "bigcode-openrail-m"),
        ("deepseek-ai/DeepSeek-V3", "deepseek-model-license"),
    ],
)
def test_a_permissive_tag_cannot_take_away_the_base(base: str, binding: str) -> None:
    found = verdict("a/b", "apache-2.0", (base,), "finetune")
    assert (found.binding_licenses, found.status) == ((binding,), "mismatch")
    assert found.commercial_use != "yes"


@pytest.mark.parametrize(
    "base",
    [
        "Qwen/Qwen2.5-7B",
        "Qwen/Qwen3-8B",
        "google/gemma-4-E2B",
        "mistralai/Mistral-Small-24B-Base-2501",
        "mistralai/Mistral-7B-v0.1",
        "tiiuae/falcon-7b",
        "01-ai/Yi-34B",
        "microsoft/phi-2",
        "upstage/SOLAR-10.7B-v1.0",
        "black-forest-labs/FLUX.1-schnell",
        "THUDM/CogVideoX-2b",
        "deepseek-ai/DeepSeek-V3-0324",
        "TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T",
        "openlm-research/open_llama_7b",
    ],
)
def test_an_open_base_is_not_flagged(base: str) -> None:
    found = verdict("a/b", "apache-2.0", (base,), "finetune")
    assert (found.binding_licenses, found.commercial_use, found.status) == (("apache-2.0",), "yes", "consistent")


def test_a_copy_without_a_tag_is_under_its_source() -> None:
    found = verdict("a/b-GGUF", None, ("Qwen/Qwen2.5-7B",), "quantized")
    assert (found.binding_licenses, found.commercial_use, found.status) == (("apache-2.0",), "yes", "missing")


def test_a_fine_tune_without_a_tag_was_granted_by_nobody() -> None:
    found = verdict("a/b", None, ("Qwen/Qwen2.5-7B",), "finetune")
    assert (found.binding_licenses, found.commercial_use) == (("unknown",), "unknown")


def test_a_copy_of_who_knows_what_is_not_free_by_its_tag() -> None:
    assert verdict("stranger/thing-GGUF", "apache-2.0").commercial_use == "unknown"


@pytest.mark.parametrize(
    ("mirror", "binding", "use"),
    [
        ("unsloth/Qwen2.5-7B-Instruct-bnb-4bit", "apache-2.0", "yes"),
        ("mlx-community/Qwen2.5-3B-Instruct-4bit", "qwen-research", "no"),
        ("unsloth/Meta-Llama-3.1-8B-bnb-4bit", "llama3.1", "conditional"),
        ("bartowski/google_gemma-3-4b-it-GGUF", "gemma", "conditional"),
    ],
)
def test_a_re_packager_keeps_the_name_of_what_it_copies(mirror: str, binding: str, use: str) -> None:
    found = verdict("a/b", "apache-2.0", (mirror,), "finetune")
    assert (found.binding_licenses, found.commercial_use, found.confidence) == ((binding,), use, "medium")


def test_a_re_packagers_own_mixture_is_not_the_model_it_is_named_after() -> None:
    assert verdict("a/b", "apache-2.0", ("unsloth/Qwen2.5-7B-cat-merge",), "finetune").commercial_use == "unknown"
    assert verdict("a/b", "apache-2.0", ("stranger/Qwen2.5-7B-Instruct",), "finetune").commercial_use == "unknown"


def test_a_copy_is_traced_by_its_name_where_no_parent_is_named() -> None:
    found = verdict("bartowski/meta-llama_Llama-3.1-8B-Instruct-GGUF", None)
    assert (found.binding_licenses, found.confidence) == (("llama3.1",), "low")


def test_a_name_frees_nothing() -> None:
    assert verdict("stranger/Qwen2.5-7B-Instruct-GGUF", None).commercial_use == "unknown"


def test_a_name_can_make_a_tag_doubtful() -> None:
    found = verdict("stranger/Llama-3.1-8B-cat", "apache-2.0")
    assert (found.commercial_use, found.confidence) == ("conditional", "low")


def test_a_named_base_outweighs_the_name() -> None:
    found = verdict("stranger/Llama3-24B-x", "apache-2.0", ("mistralai/Mistral-Small-24B-Base-2501",), "finetune")
    assert (found.binding_licenses, found.commercial_use) == (("apache-2.0",), "yes")


def test_two_parents_the_stricter_wins() -> None:
    found = verdict("a/b", "mit", ("mistralai/Mistral-7B-v0.1", "upstage/SOLAR-10.7B-Instruct-v1.0"), "merge")
    assert (found.binding_licenses, found.commercial_use) == (("cc-by-nc-4.0",), "no")


def test_parents_that_do_not_go_together_conflict() -> None:
    found = verdict("a/b", "llama2", ("meta-llama/Llama-2-13b-hf", "mistralai/Mistral-7B-v0.1"), "merge")
    assert (found.status, found.commercial_use) == ("conflict", "no")
    assert "llama2" in found.reason


def test_a_model_of_two_parts_is_no_merge() -> None:
    parts = ("meta-llama/Llama-2-7b-hf", "openai/clip-vit-large-patch14")
    found = verdict("a/see", "llama2", ("meta-llama/Llama-2-7b-hf", "google/siglip-so400m-patch14-384"))
    assert (found.status, found.commercial_use) == ("consistent", "conditional")
    assert verdict("a/see", "llama2", parts, tags=("mergekit",)).status == "consistent"
    clash = ("meta-llama/Llama-2-13b-hf", "mistralai/Mistral-7B-v0.1")
    assert verdict("a/b", "llama2", clash, tags=("mergekit",)).status == "conflict"


def test_what_is_declared_twice_in_two_ways_is_contradictory() -> None:
    found = verdict("a/b", "apache-2.0", license_name="flux-1-dev-non-commercial-license")
    assert (found.status, found.binding_licenses) == ("contradictory", ("flux-1-dev-non-commercial-license",))


def test_a_permissive_tag_with_a_name_that_nobody_knows_is_not_permissive() -> None:
    found = verdict("a/b", "mit", license_name="our-own-terms")
    assert (found.status, found.commercial_use) == ("contradictory", "unknown")


def test_a_name_shared_by_several_texts_is_told_apart_by_its_owner() -> None:
    names = ("mistralai/Devstral-2-123B-Instruct-2512", "moonshotai/Kimi-K2-Instruct", "MiniMaxAI/MiniMax-M2.5")
    found = [verdict(name, "other", license_name="modified-mit").binding_licenses for name in names]
    assert found == [("modified-mit-mistral",), ("modified-mit-kimi",), ("modified-mit-minimax",)]
    assert verdict("a/b", "other", license_name="modified-mit").commercial_use == "unknown"


def test_a_name_shared_by_several_texts_is_the_parents_one() -> None:
    kimi = verdict("a/b", "other", ("moonshotai/Kimi-K2-Base",), "finetune", license_name="modified-mit")
    assert (kimi.binding_licenses, kimi.status) == (("modified-mit-kimi",), "missing")
    assert verdict("a/b", "qwen", ("Qwen/Qwen2.5-72B",), "finetune").binding_licenses == ("qwen",)
    other = verdict("a/b", "other", ("Qwen/Qwen2.5-72B",), "finetune", license_name="modified-mit")
    assert other.commercial_use == "unknown"


@pytest.mark.parametrize(
    ("name", "released", "binding"),
    [
        ("a/Llama-3.1-8B-x", None, "llama3.1"),
        ("a/x", "2023-05-01", "llama1-noncommercial"),
        ("a/x", "2023-09", "llama2"),
        ("a/x", "2024-05-20", "llama3"),
        ("a/x", "2025-01", "unknown"),
        ("a/x", None, "unknown"),
    ],
)
def test_plain_llama_is_told_apart_by_name_and_date(name: str, released: str | None, binding: str) -> None:
    assert verdict(name, "llama", released=released).binding_licenses == (binding,)


def test_a_stale_licence_file_beside_a_new_tag() -> None:
    text = "TII Falcon LLM License Version 1.0\nroyalties"
    found = verdict("a/b", "apache-2.0", ("tiiuae/falcon-7b",), "finetune", license_text=text)
    assert (found.binding_licenses, found.status) == (("apache-2.0",), "contradictory")
    alone = verdict("a/b", "apache-2.0", license_text=text)
    assert alone.binding_licenses == ("tii-falcon-llm-1.0",)


def test_upstream_relicensing_reaches_derivatives_of_what_was_relicensed_only() -> None:
    yi = verdict("a/b", "other", ("01-ai/Yi-34B",), "finetune", license_name="yi-license")
    assert (yi.binding_licenses, yi.commercial_use) == (("apache-2.0",), "yes")
    assert verdict("a/b", "other", license_name="yi-license").commercial_use == "conditional"
    phi = verdict("a/b", "other", ("microsoft/phi-2",), license_name="microsoft-research-license")
    assert phi.binding_licenses == ("mit",)
    other = verdict("a/b", "other", ("microsoft/Phi-3-mini-4k-instruct",), license_name="microsoft-research-license")
    assert other.commercial_use == "no"


def test_a_publisher_may_lift_its_own_terms_and_nobody_elses() -> None:
    assert verdict("deepseek-ai/DeepSeek-R2", "mit", ("deepseek-ai/DeepSeek-V3-Base",)).commercial_use == "yes"
    assert verdict("somebody/DeepSeek-R2", "mit", ("deepseek-ai/DeepSeek-V3-Base",)).commercial_use == "conditional"
    parent = card("nvidia/Llama-3.1-Minitron-4B-Width-Base", "other", license_name="nvidia-open-model-license")
    child = card("nvidia/Small-4B", "openmdw-1.1", ("nvidia/Llama-3.1-Minitron-4B-Width-Base",))
    assert "llama3.1" in judge(child, family(parent), catalogue()).binding_licenses


def test_a_pull_requests_revision_is_not_the_owners_word() -> None:
    found = verdict("somebody/model@refs/pr/3", "mit")
    assert (found.commercial_use, found.status) == ("unknown", "contradictory")


def test_training_on_outputs_is_the_teachers_business() -> None:
    def taught(teacher: str) -> Any:
        own = Card("a/b", "apache-2.0", base_models=(("Qwen/Qwen2.5-7B", "finetune"), (teacher, "teacher")))
        return judge(own, nobody, catalogue())

    assert taught("deepseek-ai/DeepSeek-R1").commercial_use == "yes"
    assert taught("google/gemma-2-27b-it").binding_licenses == ("apache-2.0", "gemma")
    assert (
        taught("meta-llama/Llama-2-70b-chat-hf").status,
        taught("meta-llama/Llama-2-70b-chat-hf").commercial_use,
    ) == (
        "conflict",
        "no",
    )


def test_data_of_a_closed_service_is_a_flag_and_no_licence() -> None:
    found = verdict("a/b", "apache-2.0", ("mistralai/Mistral-7B-v0.1",), datasets=("teknium/OpenHermes-2.5",))
    assert (found.binding_licenses, found.data_flags) == (("apache-2.0",), ("api-tos:openai",))


def test_a_circle_is_said_and_trusts_nothing() -> None:
    one, two = card("a/one", "mit", ("a/two",)), card("a/two", "mit", ("a/one",))
    found = judge(one, family(one, two), catalogue())
    assert (found.commercial_use, found.status) == ("unknown", "conflict")
    assert "a/one → a/two → a/one" in found.reason


def test_a_lineage_without_end_is_not_followed_for_ever() -> None:
    def resolve(name: str) -> ParentInfo:
        number = int(name.rpartition("-")[2])
        return ParentInfo(name, card=card(name, "mit", (f"x/m-{number + 1}",)))

    assert judge(resolve("x/m-0").card, resolve, catalogue()).commercial_use == "unknown"  # type: ignore[arg-type]


def test_a_parent_may_be_an_address() -> None:
    for name in ("https://huggingface.co/Qwen/Qwen2.5-7B", "hf.co/Qwen/Qwen2.5-7B/tree/main", "Qwen/Qwen2.5-7B@main"):
        assert verdict("a/b", "apache-2.0", (name,), "finetune").commercial_use == "yes"


def test_a_card_that_points_elsewhere_is_not_freed_by_a_pattern_of_names() -> None:
    new = verdict("Qwen/Qwen3-Grand", "other", license_name="our-newest-terms")
    assert (new.binding_licenses, new.commercial_use) == (("unknown",), "unknown")
    assert verdict("Qwen/Qwen3-Grand", "other").commercial_use == "unknown"
    assert verdict("Qwen/Qwen3-8B", None).commercial_use == "yes"
    assert verdict("moonshotai/Kimi-K2-Instruct", "other").binding_licenses == ("modified-mit-kimi",)


def test_a_missing_parent_is_named() -> None:
    found = verdict("a/b", "apache-2.0", ("stranger/nothing",), "finetune")
    assert found.commercial_use == "unknown"
    assert "stranger/nothing" in found.reason


def test_parents_in_words() -> None:
    assert verdict("a/b", "mit", ("several Llama-3.1-8B fine-tunes",), "merge").binding_licenses == ("llama3.1",)
    assert verdict("a/b", "mit", ("a leaked 70B",), "conversion").commercial_use == "no"
    assert verdict("a/b", "mit", ("one non-commercial model and another",), "merge").commercial_use == "no"
    assert verdict("a/b", "mit", ("some good models",), "merge").commercial_use == "unknown"


def test_parents_in_tags_of_the_hub() -> None:
    tags = ("base_model:google/gemma-2-9b-it", "base_model:quantized:google/gemma-2-9b-it")
    found = verdict("a/b-GGUF", "apache-2.0", tags=tags)
    assert (found.binding_licenses, found.chain[1].relation) == (("gemma",), "quantized")


def test_eu_clause_of_llama_3_2_reaches_only_models_that_read_pictures() -> None:
    def kinds(name: str) -> set[str]:
        return {each.condition.kind for each in verdict(name, "llama3.2").obligations}

    assert "region-exclusion" not in kinds("meta-llama/Llama-3.2-3B-Instruct")
    assert "region-exclusion" in kinds("meta-llama/Llama-3.2-11B-Vision-Instruct")
    speech = verdict("a/speech", "apache-2.0", ("meta-llama/Llama-3.2-3B",), multimodal=True)
    assert "region-exclusion" not in {each.condition.kind for each in speech.obligations}
    copied = verdict("a/copy-GGUF", None, ("meta-llama/Llama-3.2-90B-Vision-Instruct",), "quantized")
    assert "region-exclusion" in {each.condition.kind for each in copied.obligations}
    llama4 = verdict("meta-llama/Llama-4-Scout-17B-16E", "llama4")
    assert "region-exclusion" in {each.condition.kind for each in llama4.obligations}


def test_a_service_has_no_weights_to_license() -> None:
    found = judge(Card("chat-service", "proprietary", access="service"), nobody, catalogue())
    assert (found.commercial_use, found.binding_licenses) == ("unknown", ("unknown",))


LICENCES = st.sampled_from([*catalogue().terms(), "other", "unknown", None, "made-up-licence"])
BASES = st.sampled_from(
    [
        "Qwen/Qwen2.5-7B",
        "Qwen/Qwen2.5-3B",
        "meta-llama/Llama-3.1-8B",
        "mistralai/Mistral-7B-v0.1",
        "google/gemma-2-9b",
        "LLaMA-7B",
        "bigcode/starcoder",
        "152334H/miqu-1-70b-sf",
        "stranger/nothing",
    ]
)
RELATIONS = st.sampled_from([None, "finetune", "adapter", "merge", "quantized", "conversion", "pruned", "distilled"])


@settings(max_examples=300, deadline=None)
@given(LICENCES, st.lists(BASES, min_size=1, max_size=3, unique=True), RELATIONS)
def test_no_child_is_freer_than_its_parents(license: str | None, bases: list[str], relation: str | None) -> None:
    found = verdict("somebody/something", license, tuple(bases), relation)
    for base in bases:
        parent = verdict(base) if "/" in base else verdict("huggyllama/llama-7b")
        assert STRICTER.index(found.commercial_use) >= STRICTER.index(parent.commercial_use), found.reason


@settings(max_examples=200, deadline=None)
@given(LICENCES, RELATIONS)
def test_an_unknown_parent_is_never_yes(license: str | None, relation: str | None) -> None:
    found = verdict("somebody/something", license, ("stranger/nothing",), relation)
    assert found.commercial_use not in ("yes", "conditional")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30), LICENCES)
def test_a_name_never_frees(name: str, license: str | None) -> None:
    bare = verdict("somebody/x", license)
    named = verdict(f"somebody/{name}-Qwen2.5-Llama-3.1-gguf", license)
    assert STRICTER.index(named.commercial_use) >= STRICTER.index(bare.commercial_use)


@settings(max_examples=200, deadline=None)
@given(LICENCES, st.lists(BASES, max_size=3, unique=True), RELATIONS)
def test_a_verdict_survives_being_written_down(license: str | None, bases: list[str], relation: str | None) -> None:
    found = verdict("somebody/something", license, tuple(bases), relation)
    assert found.binding_licenses
    assert from_json(to_json(found)) == found
