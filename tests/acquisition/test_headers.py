"""A publisher's mistake is noticed: the hash is right and the file is not what was asked for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.acquisition.weights import gguf, safetensors
from tests.hubserver import Generated

from modelpick.acquisition.headers import inspect_any, inspector
from modelpick.acquisition.interface import Plan, RemoteFile
from modelpick.errors import IntegrityError
from modelpick.quantisation.kinds import FILE_TYPES

MIB = 1 << 20
PLAN = Plan("m", "org/m", "main", "1" * 40, "gguf", "Q4_K_M", (), "/x", None)
Check = Callable[..., None]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def run(plan: Plan, *contents: Generated, name: str = "m-Q4_K_M.gguf") -> None:
        files = tuple(RemoteFile(f"{number}-{name}", content.size, None) for number, content in enumerate(contents))
        inspect = inspector(replace(plan, files=files), FILE_TYPES)
        for file, content in zip(files, contents, strict=True):
            path = tmp_path / f"{file.path}.part"
            path.write_bytes(b"".join(content.all()))
            inspect(path, file)

    return run


def test_what_was_asked_for_passes(check: Check) -> None:
    params = (MIB - 400) // 144 * 256
    check(replace(PLAN, architecture="llama", params_total=params), gguf(MIB))
    check(replace(PLAN, expected_architecture="llama", params_total=2 * params), gguf(MIB), gguf(MIB, seed=2))
    check(
        replace(PLAN, format="safetensors", quantisation=None, params_total=MIB // 2),
        safetensors(MIB),
        name="a.safetensors",
    )


def test_another_architecture(check: Check) -> None:
    with pytest.raises(IntegrityError, match=r"architecture bert, and llama was promised"):
        check(replace(PLAN, architecture="llama"), gguf(architecture="bert"))
    with pytest.raises(IntegrityError, match="qwen2 was promised"):
        check(replace(PLAN, expected_architecture="qwen2"), gguf(architecture="llama"))


@pytest.mark.parametrize(
    ("promised", "found"), [("mistral3", "llama"), ("clip", "gemma3"), ("gemma3", "gemma-embedding")]
)
def test_an_architecture_that_goes_by_several_names_is_no_mistake(promised: str, found: str, check: Check) -> None:
    check(replace(PLAN, architecture=promised, expected_architecture=promised), gguf(architecture=found))


def test_another_quantisation(check: Check) -> None:
    with pytest.raises(IntegrityError, match="mostly Q4_K, and Q8_0 was promised"):
        check(replace(PLAN, quantisation="Q8_0"), gguf(quantisation="Q4_K_M"))


def test_a_wrong_number_alone_is_a_publishers_slip(check: Check) -> None:
    check(PLAN, gguf(quantisation="Q5_K_M"))


def test_a_dynamic_mix_is_not_held_to_a_standard_one(check: Check) -> None:
    check(replace(PLAN, quantisation="UD-Q4_K_XL"), gguf())


@pytest.mark.parametrize("promised", [7_000_000_000, 100_000])
def test_another_size_of_model(promised: int, check: Check) -> None:
    with pytest.raises(IntegrityError, match="parameters, and"):
        check(replace(PLAN, params_total=promised), gguf(MIB))


def test_a_projector_may_or_may_not_be_counted(tmp_path: Path) -> None:
    params = (MIB - 400) // 144 * 256
    files = (RemoteFile("m-Q4_K_M.gguf", 1, None), RemoteFile("mmproj-m-f16.gguf", 1, None))
    for promised in (params, 2 * params):
        inspect = inspector(replace(PLAN, files=files, params_total=promised), FILE_TYPES)
        for file in files:
            (tmp_path / "part").write_bytes(
                b"".join(gguf(MIB, architecture="clip" if "mmproj" in file.path else "llama").all())
            )
            inspect(tmp_path / "part", file)
    inspect = inspector(replace(PLAN, files=files, params_total=9 * params), FILE_TYPES)
    inspect(tmp_path / "part", files[0])
    with pytest.raises(IntegrityError, match="parameters"):
        inspect(tmp_path / "part", files[1])


def test_half_of_the_shards_are_not_counted_as_the_model(check: Check) -> None:
    params = (MIB - 400) // 144 * 256
    check(replace(PLAN, params_total=3 * params), *(gguf(MIB, seed=n) for n in range(3)))


def test_files_that_are_something_else_or_cut(tmp_path: Path) -> None:
    whole = b"".join(gguf().all())
    for name, data in {
        "a.gguf": b"<html>not found</html>",
        "b.gguf": whole[:200],
        "c.gguf": whole[:-1],
        "d.gguf": b"",
        "e.safetensors": b"\xff" * 100,
        "f.safetensors": b"".join(safetensors().all())[:-1],
        "g.safetensors": b"",
    }.items():
        path = tmp_path / "partial"
        path.write_bytes(data)
        with pytest.raises(IntegrityError, match=name) as caught:
            inspect_any(path, RemoteFile(name, len(data), None))
        assert caught.value.hint and "publisher" in caught.value.hint
    (tmp_path / "config").write_bytes(b"{}")
    inspect_any(tmp_path / "config", RemoteFile("config.json", 2, None))
