"""Policies: the built-in ones, and a company's own with every key checked."""

from datetime import date
from pathlib import Path

import pytest
from tests.licensing.world import catalogue, verdict

from modelpick.errors import UsageError
from modelpick.licensing.decide import decide
from modelpick.licensing.interface import Asker, Verdict
from modelpick.licensing.policy import ANY, COMMERCIAL, PERMISSIVE, Policy, license_policy
from modelpick.licensing.policy_file import load_policy

TODAY = date(2026, 11, 24)


def policy(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return load_policy(path, catalogue())


def allowed(found: Verdict, by: Policy, asker: Asker | None = None) -> bool:
    return decide(found, by, asker or Asker(), today=TODAY).allowed


def test_permissive_lets_pass_what_is_free_for_everybody() -> None:
    assert allowed(verdict("a/b", "apache-2.0"), PERMISSIVE)
    assert not allowed(verdict("a/b", "gpl-3.0"), PERMISSIVE)
    assert not allowed(verdict("a/b", "llama3.1"), PERMISSIVE, Asker(monthly_users=1))
    assert not allowed(verdict("a/b", "other"), PERMISSIVE)
    assert not allowed(verdict("a/b", "mit", license_name="apache-2.0"), PERMISSIVE)


def test_commercial_lets_pass_conditions_that_are_not_broken() -> None:
    llama = verdict("a/b", "llama3.1")
    assert allowed(llama, COMMERCIAL)
    assert not allowed(llama, COMMERCIAL, Asker(monthly_users=800_000_000))
    assert not allowed(verdict("a/b", "cc-by-nc-4.0"), COMMERCIAL)
    assert not allowed(verdict("a/b", None), COMMERCIAL)


def test_any_lets_everything_pass_and_still_says_no() -> None:
    decision = decide(verdict("a/b", "cc-by-nc-4.0"), ANY)
    assert (decision.allowed, decision.commercial_use) == (True, "no")


def test_licences_and_families_by_name() -> None:
    chosen = license_policy(("llama3.1", "permissive"), catalogue())
    assert allowed(verdict("a/b", "llama3.1"), chosen)
    assert allowed(verdict("a/b", "MIT"), chosen)
    assert not allowed(verdict("a/b", "gemma"), chosen)
    with pytest.raises(UsageError, match="Did you mean"):
        license_policy(("llama3.1", "lama-3.1"), catalogue())


def test_allow_and_deny(tmp_path: Path) -> None:
    own = policy(
        tmp_path,
        """
name = "acme"
[allow]
families = ["permissive", "community"]
licenses = ["GPL-3.0-only"]
[deny]
licenses = ["wtfpl"]
conditions = ["region-exclusion"]
""",
    )
    assert own.name == "acme"
    assert allowed(verdict("a/b", "apache-2.0"), own)
    assert allowed(verdict("a/b", "gemma"), own)
    assert allowed(verdict("a/b", "gpl-3.0"), own)
    assert not allowed(verdict("a/b", "agpl-3.0"), own)
    assert not allowed(verdict("a/b", "wtfpl"), own)
    refused = decide(verdict("tencent/HunyuanVideo", "tencent-hunyuan-community"), own)
    assert not refused.allowed
    assert "region-exclusion" in refused.clause


def test_terms_of_the_training_data_may_be_denied(tmp_path: Path) -> None:
    flagged = verdict("a/b", "apache-2.0", datasets=("anon8231489123/ShareGPT_Vicuna_unfiltered",))
    assert allowed(flagged, PERMISSIVE)
    strict = decide(flagged, policy(tmp_path, '[deny]\ndata_flags = ["api-tos"]\n'))
    assert (strict.allowed, strict.clause) == (False, "The policy denies training data under api-tos:openai.")
    assert allowed(flagged, policy(tmp_path, '[deny]\ndata_flags = ["api-tos:google"]\n'))


def test_minimum_confidence(tmp_path: Path) -> None:
    sure = policy(tmp_path, 'minimum_confidence = "high"\n')
    assert allowed(verdict("a/b", "apache-2.0"), sure)
    named_only = verdict("bartowski/meta-llama_Llama-3.1-8B-Instruct-GGUF", None)
    assert allowed(named_only, COMMERCIAL)
    assert "low confidence" in decide(named_only, sure).clause


def test_exceptions_have_a_reason_and_end(tmp_path: Path) -> None:
    text = """
[[exception]]
model = "Acme/Pilot"
reason = "signed contract"
expires = 2026-11-24
"""
    own = policy(tmp_path, text)
    pilot = verdict("acme/pilot", "cc-by-nc-4.0")
    decision = decide(pilot, own, today=TODAY)
    assert (decision.allowed, decision.commercial_use) == (True, "no")
    assert "signed contract" in decision.clause
    late = decide(pilot, own, today=date(2026, 11, 25))
    assert not late.allowed
    assert any("expired on 2026-11-24" in warning for warning in late.warnings)
    assert not decide(pilot, own).allowed


@pytest.mark.parametrize(
    ("text", "line", "key", "why"),
    [
        ('name = "x"\nminimum_confidense = "high"\n', 2, "minimum_confidense", "is no key"),
        ("[allow]\n\nfamily = ['permissive']\n", 3, "allow.family", "is no key"),
        ("[deny]\nfamilies = ['permisive']\n", 2, "deny.families", "none of"),
        ("[allow]\nconditions = ['naming']\n", 2, "allow.conditions", "is no key"),
        ("minimum_confidence = 'sure'\n", 1, "minimum_confidence", "not one of"),
        ("commercial = 'yes'\n", 1, "commercial", "not a list"),
        ("[[exception]]\nmodel = 'a/b'\n", 1, "exception", "no reason"),
        ("[[exception]]\nmodel = 'a/b'\nreason = 'r'\nexpires = 'soon'\n", 2, "expires", "not a date"),
        ("[[exception]]\nmodel = 'a/b'\nreason = 'r'\nuntil = 2027-01-01\n", 4, "exception.until", "is no key"),
        ("allow = ['mit']\n", 1, "allow", "is not a table"),
    ],
)
def test_a_wrong_key_is_told_by_file_line_and_key(tmp_path: Path, text: str, line: int, key: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        policy(tmp_path, text)
    assert f"policy.toml, line {line}: {key}" in caught.value.message
    assert caught.value.details["key"] == key


def test_a_licence_that_does_not_exist_is_answered_with_suggestions(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"policy.toml, line 2: licenses: .*Did you mean apache-2.0"):
        policy(tmp_path, '[allow]\nlicenses = ["apache2.0"]\n')


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe"])
def test_a_policy_that_is_no_toml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"policy.toml"):
        load_policy(path, catalogue())
    with pytest.raises(UsageError, match="cannot be read"):
        load_policy(tmp_path / "none.toml", catalogue())


def test_spellings_of_the_catalogue() -> None:
    for text in ("Apache-2.0", "APACHE-2.0", "apache-2.0"):
        assert catalogue().find(text).key == "apache-2.0"
    with pytest.raises(UsageError, match="different licences"):
        catalogue().find("modified-mit")
