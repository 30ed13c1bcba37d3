"""Names against the registry's real table: one answer or the choices, never a guess."""

import pytest
from tests.hardware.table import specs

from modelpick.errors import UsageError
from modelpick.hardware.catalogue import find_reported, find_typed, label
from modelpick.units import MIB

TYPED = {
    "RTX 4090": "GeForce RTX 4090",
    "rtx4090": "GeForce RTX 4090",
    "3090": "GeForce RTX 3090",
    "RTX 3060 12GB": "GeForce RTX 3060 12 GB",
    "rtx 3060 8 GiB": "GeForce RTX 3060 8 GB",
    "RTX 3060 6GB": "GeForce RTX 3060 Laptop GPU",
    "RTX 3060 mobile": "GeForce RTX 3060 Laptop GPU",
    "RTX 4060 Ti 16GB": "GeForce RTX 4060 Ti 16 GB",
    "7900 XTX": "Radeon RX 7900 XTX",
    "MI300X": "Instinct MI300X",
    "B580": "Arc B580",
    "T4": "Tesla T4",
    "H100 SXM": "H100 SXM5 80 GB",
    "a100-sxm4-40gb": "A100 SXM4 40 GB",
    "RTX 6000 Ada": "RTX 6000 Ada Generation",
    "DGX Spark": "GB10",
    "Strix Halo": "Ryzen AI Max+ 395 (Radeon 8060S)",
    "M4 Max 64GB": "Apple M4 Max (40-core GPU)",
}


@pytest.mark.parametrize(("text", "name"), TYPED.items())
def test_a_clear_name_finds_its_accelerator(text: str, name: str) -> None:
    assert find_typed(text, specs()).name == name


def test_every_accelerator_answers_to_its_own_name_and_to_its_label() -> None:
    assert len(specs()) == 254
    for spec in specs():
        assert find_typed(spec.name, specs()) is spec
        assert find_typed(label(spec).lower(), specs()) is spec
    assert len({label(spec) for spec in specs()}) == 254


@pytest.mark.parametrize(
    ("text", "some_choices"),
    [
        ("RTX 3060", {"GeForce RTX 3060 8 GB", "GeForce RTX 3060 12 GB", "GeForce RTX 3060 Laptop GPU 6GB"}),
        ("RTX 3080", {"GeForce RTX 3080 10GB", "GeForce RTX 3080 12 GB", "GeForce RTX 3080 Laptop GPU 8GB"}),
        ("A100 80GB", {"A100 PCIe 80 GB", "A100 SXM4 80 GB"}),
        ("RTX 6000", {"Quadro RTX 6000 24GB", "RTX 6000 Ada Generation 48GB", "RTX PRO 6000 Blackwell 96GB"}),
        ("M4 Max", {"Apple M4 Max (32-core GPU)", "Apple M4 Max (40-core GPU)"}),
        ("RTX 4090 48GB", {"GeForce RTX 4090 24GB", "GeForce RTX 4090 Laptop GPU 16GB"}),
        ("RTX 3080 16GB", {"GeForce RTX 3080 10GB", "GeForce RTX 3080 12 GB"}),
    ],
)
def test_a_doubtful_name_is_a_question_with_the_choices(text: str, some_choices: set[str]) -> None:
    with pytest.raises(UsageError) as caught:
        find_typed(text, specs())
    choices = caught.value.details["choices"]
    assert isinstance(choices, list)
    assert some_choices <= set(choices)
    assert all(choice in caught.value.message for choice in choices)
    for choice in choices:  # each choice can be typed back
        find_typed(choice, specs())


@pytest.mark.parametrize("text", ["RTX 9999", "abacus", "GeForce", ""])
def test_an_unknown_name_is_refused_with_a_way_on(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_typed(text, specs())
    assert "modelpick hardware list" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("name", "mib", "found"),
    [
        ("NVIDIA GeForce RTX 4090", 24564, "GeForce RTX 4090"),
        ("NVIDIA GeForce RTX 3060", 12288, "GeForce RTX 3060 12 GB"),
        ("NVIDIA GeForce RTX 3060", 8192, "GeForce RTX 3060 8 GB"),
        ("NVIDIA A100-SXM4-80GB", 81920, "A100 SXM4 80 GB"),
        ("NVIDIA A100 80GB PCIe", 81920, "A100 PCIe 80 GB"),
        ("NVIDIA H100 80GB HBM3", 81559, "H100 SXM5 80 GB"),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", 97887, "RTX PRO 6000 Blackwell"),
        ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", 97887, "RTX PRO 6000 Blackwell Max-Q"),
        ("Tesla T4", 15360, "Tesla T4"),
        ("NVIDIA GB10", None, "GB10"),
        ("AMD Radeon RX 7900 XTX", 24560, "Radeon RX 7900 XTX"),
        ("NVIDIA GeForce RTX 4090", 49140, None),  # a card with other memory than the table knows
        ("NVIDIA GeForce GT 710", 2048, None),
    ],
)
def test_a_reported_name_is_matched_only_when_it_is_certain(name: str, mib: int | None, found: str | None) -> None:
    spec = find_reported(name, mib and mib * MIB, specs())
    assert (spec.name if spec else None) == found
