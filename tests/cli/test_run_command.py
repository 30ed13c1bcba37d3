import json
import shlex

import pytest
from tests.cli.running import Runner, validate

CARD = ("--gpu", "RTX 4090", "--ram", "64GB", "--cpu-cores", "8")


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELPICK_REGISTRY", str(tmp_path / "own.sqlite"))


@pytest.fixture
def run(capsys):
    runner = Runner(capsys)
    return lambda *words: runner("run-command", *words)


@pytest.fixture
def body(run):
    def asked(model, *words, machine=CARD):
        result = run(model, *machine, *words, "--json")
        assert result.code == 0, result.err
        found = result.json("run-command")
        for line in found["run"]:
            assert shlex.split(line) and "trust" not in line
        return found

    return asked


def test_stdout_is_the_command_alone(run):
    result = run("qwen3-8b", *CARD)
    assert result.code == 0
    (line,) = result.out.splitlines()
    assert shlex.split(line)[0] == "llama-server"


def test_it_runs_what_recommend_would_run(run, capsys):
    pick = Runner(capsys)("recommend", *CARD, "--json", "--limit", "1").rows()[0]
    found = json.loads(run(pick["model"], *CARD, "--json").out)
    assert found["run"] == pick["run"]
    assert found["quantisation"] == pick["quantisation"]


@pytest.mark.parametrize(
    ("runtime", "program"),
    [
        ("llama.cpp", "llama-server"),
        ("ollama", "ollama"),
        ("lmstudio", "lms"),
        ("vllm", "vllm"),
        ("transformers", "python"),
    ],
)
def test_every_runtime_has_its_command(body, runtime, program):
    found = body("qwen3-8b", "--runtime", runtime)
    assert found["runtime"] == runtime
    assert shlex.split(found["run"][0])[0] == program


def test_mlx_runs_on_a_mac_and_not_on_a_card(body, run):
    models = ("qwen3-30b-a3b-instruct-2507", "--runtime", "mlx")
    assert run(*models, *CARD).code == 3
    found = run(*models, "--machine", "MacBook Pro M4 Max 128GB", "--json")
    assert found.code in (0, 3)
    if found.code == 0:
        assert found.json("run-command")["run"][0].startswith("mlx_lm")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("bge-m3", "SentenceTransformer"),
        ("whisper-large-v3", "automatic-speech-recognition"),
        ("z-image-turbo", "DiffusionPipeline"),
        ("qwen3-reranker-8b", "--reranking"),
    ],
)
def test_other_kinds_are_run_by_what_runs_them(body, model, words):
    assert words in body(model)["run"][-1]


def test_a_pipeline_that_takes_turns_is_run_so(body):
    small = ("--gpu", "RTX 4060 Ti 16GB", "--ram", "64GB", "--cpu-cores", "8")
    found = body("z-image-turbo", machine=small)
    assert found["placement"] == "partial-offload" and "enable_model_cpu_offload()" in found["run"][-1]


def test_a_kind_without_a_score_for_chat_keeps_its_quality(body):
    assert body("qwen3-reranker-8b")["quantisation"] not in ("Q3_K_M", "Q2_K")


def test_vllm_serves_no_pictures(run):
    assert run("z-image-turbo", "--runtime", "vllm", *CARD).code == 3


def test_a_file_is_run_from_where_it_is(body, tmp_path):
    path = tmp_path / "it is here.gguf"
    path.touch()
    line = body("qwen3-8b", "--file", path)["run"][-1]
    assert shlex.split(line)[:3] == ["llama-server", "--model", str(path)]


@pytest.mark.parametrize("runtime", ["llama.cpp", "ollama", "lmstudio"])
def test_every_runtime_of_gguf_files_is_given_the_file(body, tmp_path, runtime):
    path = tmp_path / "it is here.gguf"
    path.touch()
    lines = body("qwen3-8b", "--file", path, "--runtime", runtime)["run"]
    assert any(str(path) in word for line in lines for word in shlex.split(line))
    assert not any("huggingface.co" in line or "hf.co" in line for line in lines)


@pytest.mark.parametrize("runtime", ["vllm", "transformers"])
def test_a_directory_of_weights_is_run_from_where_it_is(body, tmp_path, runtime):
    (line,) = body("qwen3-8b", "--file", tmp_path, "--runtime", runtime)["run"]
    assert str(tmp_path) in line


@pytest.mark.parametrize(
    ("name", "runtime", "said"),
    [
        ("missing.gguf", "llama.cpp", "no such file"),
        ("missing.gguf", "lmstudio", "no such file"),
        ("missing", "transformers", "no such file"),
        ("folder", "llama.cpp", "is a directory"),
        ("folder", "lmstudio", "is a directory"),
        ("file.gguf", "transformers", "--runtime llama.cpp"),
        ("file.safetensors", "vllm", "is a file"),
    ],
)
def test_a_file_that_is_not_there_or_cannot_be_run_is_refused(run, tmp_path, name, runtime, said):
    (tmp_path / "folder").mkdir()
    for made in ("file.gguf", "file.safetensors"):
        (tmp_path / made).touch()
    result = run("qwen3-8b", *CARD, "--file", tmp_path / name, "--runtime", runtime, "--json")
    assert result.code == 2 and not result.out
    error = validate("error", json.loads(result.err))["error"]
    assert said in error["message"] + error["hint"] and str(tmp_path) in error["message"] and error["hint"]


def test_context_and_quantisation_are_in_the_command(body):
    found = body("qwen3-8b", "--context", "32k", "--quant", "Q5_K_M", "--users", "2")
    words = shlex.split(found["run"][-1])
    assert found["quantisation"] == "Q5_K_M" and words[2].endswith(":Q5_K_M")
    assert words[words.index("--ctx-size") + 1] == str(2 * 32768)
    assert words[words.index("--parallel") + 1] == "2"


def test_the_licence_is_not_asked(body):
    assert body("llama-3.1-8b-instruct")["run"]


@pytest.mark.parametrize(
    ("words", "code", "name"),
    [
        (("no-such-model",), 3, "not-found"),
        (("gpt-4",), 3, "not-found"),
        (("llama-3.1-405b-instruct",), 3, "not-found"),
        ((), 2, "usage"),
        (("qwen3-8b", "--runtime", "tgi"), 2, "usage"),
        (("qwen3-8b", "--quant", "Q9_K"), 2, "usage"),
        (("qwen3-8b", "--context", "0"), 2, "usage"),
        (("qwen3-8b", "--fields", "colour"), 2, "usage"),
    ],
)
def test_bad_input_leaves_stdout_empty(run, words, code, name):
    result = run(*words, *CARD, "--json")
    assert result.code == code and not result.out
    error = validate("error", json.loads(result.err))["error"]
    assert error["code"] == name and error["hint"]


def test_formats_and_fields(run):
    lines = run("qwen3-8b", *CARD, "-q", "--fields", "run", "--format", "csv").out.splitlines()
    assert lines[0] == "run" and len(lines) == 2
    assert json.loads(run("qwen3-8b", *CARD, "--format", "jsonl").out)["runtime"] == "llama.cpp"
