"""LICENSE texts are recognised for what they are, and changed ones are not."""

from pathlib import Path

import pytest
from tests.licensing.world import catalogue, verdict

from modelpick.licensing.texts import MAX_CHARACTERS, normalised, recognise

APACHE = (Path(__file__).parents[2] / "LICENSE").read_text(encoding="utf-8")
MIT = """MIT License

Copyright (c) 2024 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED.
"""


def read(text: str) -> str | None:
    return recognise(text, catalogue().rules)


def test_plain_texts() -> None:
    assert read(APACHE) == "apache-2.0"
    assert read(MIT) == "mit"
    assert read(MIT.replace('"AS IS"', "“AS IS”").replace("\n", "\r\n\t")) == "mit"


@pytest.mark.parametrize(
    ("addition", "key"),
    [
        ("if your monthly revenue is above $20 million you have no rights", "modified-mit-mistral"),
        ('you shall prominently display "Kimi K2" on the user interface', "modified-mit-kimi"),
        ('you shall prominently display "MiniMax M2" on the user interface', "modified-mit-minimax"),
        ("non-commercial purposes only", None),
        ("not for military use" * 200, None),
    ],
)
def test_a_changed_mit_is_not_mit(addition: str, key: str | None) -> None:
    assert read(f"{MIT}\n{addition}\n") == key


@pytest.mark.parametrize(
    "addition", ["Only non-commercial use is allowed.", "Llama 2 terms apply as well.", "x" * 9000]
)
def test_a_changed_apache_is_not_apache(addition: str) -> None:
    assert read(f"{APACHE}\n{addition}\n") is None


@pytest.mark.parametrize(
    ("first_line", "key"),
    [
        ("LLAMA 2 COMMUNITY LICENSE AGREEMENT\n\nLlama 2 Version Release Date: July 18, 2023", "llama2"),
        ("META LLAMA 3 COMMUNITY LICENSE AGREEMENT\nMeta Llama 3 Version Release Date: April 18, 2024", "llama3"),
        ("LLAMA 3.1 COMMUNITY LICENSE AGREEMENT\nLlama 3.1 Version Release Date: July 23, 2024", "llama3.1"),
        ("**LLAMA 3.2 COMMUNITY LICENSE AGREEMENT**", "llama3.2"),
        ("LLAMA 3.3 COMMUNITY LICENSE AGREEMENT", "llama3.3"),
        ("LLAMA 4 COMMUNITY LICENSE AGREEMENT", "llama4"),
        ("Gemma Terms of Use\nLast modified: March 24, 2025", "gemma"),
        ("Qwen RESEARCH LICENSE AGREEMENT", "qwen-research"),
        ("Qwen LICENSE AGREEMENT", "qwen"),
        ("Tongyi Qianwen LICENSE AGREEMENT", "tongyi-qianwen"),
        ("Tongyi Qianwen RESEARCH LICENSE AGREEMENT", "tongyi-qianwen-research"),
        ("# Mistral AI Research License", "mrl-0.1"),
        ("# Mistral AI Non-Production License", "mnpl-0.1"),
        ("DEEPSEEK LICENSE AGREEMENT\n\nVersion 1.0, 23 October 2023", "deepseek-model-license"),
        ("Attribution-NonCommercial 4.0 International\n\nCreative Commons", "cc-by-nc-4.0"),
        ("Attribution-NonCommercial-ShareAlike 4.0 International", "cc-by-nc-sa-4.0"),
        ("Attribution 4.0 International\n\nCreative Commons Corporation", "cc-by-4.0"),
        ("GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3, 19 November 2007", "agpl-3.0"),
        ("GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007", "gpl-3.0"),
        ("FLUX.1 [dev] Non-Commercial License v1.1.1", "flux-1-dev-non-commercial-license"),
        ("CreativeML Open RAIL-M\ndated August 22, 2022", "creativeml-openrail-m"),
    ],
)
def test_first_lines(first_line: str, key: str) -> None:
    assert read(f"{first_line}\n\n1. Definitions. The terms of this text follow.\n") == key


def test_a_mention_deep_in_a_text_is_not_its_title() -> None:
    assert read("Our terms.\n" + "word " * 400 + "see the Llama 2 Community License Agreement") is None


def test_nothing_is_read_in_a_text_that_is_too_long() -> None:
    assert read(MIT + " " * MAX_CHARACTERS) is None


def test_normal_form() -> None:
    assert normalised("  **A**\n\n> “B”\t’c’ ") == "a \"b\" 'c'"


def test_every_rule_names_a_licence_of_the_catalogue() -> None:
    assert {rule.license for rule in catalogue().rules.texts} <= set(catalogue().terms())


def test_the_text_against_the_card() -> None:
    agree = verdict("a/b", "mit", license_text=MIT)
    assert (agree.binding_licenses, agree.status) == (("mit",), "consistent")
    stricter = verdict("a/b", "apache-2.0", license_text="Gemma Terms of Use")
    assert (stricter.binding_licenses, stricter.status) == (("gemma",), "contradictory")
    code_only = verdict("a/b", "cc-by-nc-4.0", license_text=APACHE)
    assert code_only.binding_licenses == ("cc-by-nc-4.0",)
    strange = verdict("a/b", "apache-2.0", license_text="All rights are ours. Ask first.")
    assert (strange.commercial_use, strange.status) == ("unknown", "contradictory")
    alone = verdict("a/b", None, license_text=APACHE)
    assert (alone.binding_licenses, alone.commercial_use, alone.status) == (("apache-2.0",), "yes", "missing")
