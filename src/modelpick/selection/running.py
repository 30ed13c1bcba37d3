"""The exact command that runs a model as it was placed. Never with code from the repository (trust_remote_code)."""

from __future__ import annotations

from modelpick.estimation.interface import Fit
from modelpick.selection.interface import Candidate
from modelpick.values import dataclass

_LLAMA_SERVER_TASKS = {"embedding": ("--embeddings",), "reranker": ("--reranking",)}
_CURL = "once it listens: curl -s http://127.0.0.1:8080/v1/{} -H 'Content-Type: application/json' -d '{}'"
_ASKED_BY = {
    "embedding": (_CURL.format("embeddings", '{"input": ["A bicycle has two wheels."]}'),),
    "reranker": (_CURL.format("rerank", '{"query": "How many wheels?", "documents": ["Two.", "A bicycle is red."]}'),),
}
"""What a server without a page for people is asked with, in a second terminal."""


@dataclass(frozen=True, slots=True)
class RunCommand:
    """Commands in the order to type them; ``file`` is where a downloaded file's path belongs, None if none does."""

    runtime: str
    lines: tuple[str, ...]
    notes: tuple[str, ...] = ()


def run_command(candidate: Candidate, fit: Fit, *, file: str | None = None, task: str | None = None) -> RunCommand:
    """How to run ``candidate`` as ``fit`` placed it; ``file`` is the GGUF file or model directory, if it is here.

    ``task`` is what it is wanted for: a model of several kinds is run otherwise for each.
    """
    match candidate.option.runtime:
        case "llama.cpp":
            return _llama_cpp(candidate, fit, file)
        case "ollama":
            return _ollama(candidate, fit, file)
        case "lmstudio":
            return _lmstudio(candidate, fit, file)
        case "vllm":
            return _vllm(candidate, fit, file)
        case "mlx":
            return _mlx(candidate, file)
        case "transformers":
            return _transformers(candidate, fit, file, task)


def _line(*words: object) -> str:
    return " ".join(_quoted(str(word)) for word in words)


def _quoted(word: str) -> str:
    """As ``shlex.quote``, which is imported only for words that need it."""
    if word and all(letter.isalnum() or letter in "-_./:=+,@%" for letter in word) and word.isascii():
        return word
    from shlex import quote

    return quote(word)


def _llama_cpp(candidate: Candidate, fit: Fit, file: str | None) -> RunCommand:
    option, settings, placement = candidate.option, fit.settings, fit.placement
    words: list[object] = ["llama-server"]
    lines: list[str] = []
    if file:
        words += ["--model", file]
    elif option.made_here:
        made = f"{candidate.entry.slug}-{option.quantisation}.gguf"
        lines.append(_line("modelpick", "quantise", candidate.entry.slug, "--type", option.quantisation, "--out", made))
        words += ["--model", made]
    else:
        words += ["--hf-repo", f"{option.source.repo}:{option.quantisation}"]
    slots = max(settings.slots, settings.users)
    words += ["--ctx-size", settings.context * slots, "--parallel", slots]
    if placement.gpu_layers is not None and placement.kind != "cpu":
        words += ["--n-gpu-layers", placement.gpu_layers]
    if placement.kind == "cpu":
        words += ["--n-gpu-layers", 0]
    if placement.experts_on_host:
        words += ["--n-cpu-moe", placement.experts_on_host]
    if placement.kind == "multi-gpu":
        split = ",".join(str(use.layers) for use in placement.uses if use.device is not None)
        words += ["--split-mode", "layer", "--tensor-split", split]
    if settings.cache_type_k != "f16":
        words += ["--cache-type-k", settings.cache_type_k, "--cache-type-v", settings.cache_type_v]
    words += ["--flash-attn", "on" if settings.flash_attention else "off"]
    words += _LLAMA_SERVER_TASKS.get(candidate.entry.modality, ())
    # The server may keep up to 8 GiB of finished prompts in memory, which the estimate does not count.
    words += ["--cache-ram", 0]
    return RunCommand("llama.cpp", (*lines, _line(*words)), _ASKED_BY.get(candidate.entry.modality, ()))


def _ollama(candidate: Candidate, fit: Fit, file: str | None) -> RunCommand:
    option = candidate.option
    if file:
        name = candidate.entry.slug
        modelfile = f"printf 'FROM %s\\nPARAMETER num_ctx %s\\n' {_quoted(file)} {fit.settings.context} > Modelfile"
        return RunCommand(
            "ollama", (modelfile, _line("ollama", "create", name, "-f", "Modelfile"), _line("ollama", "run", name))
        )
    reference = f"hf.co/{option.source.repo}:{option.quantisation}"
    notes = (f"inside Ollama: /set parameter num_ctx {fit.settings.context}",)
    return RunCommand("ollama", (_line("ollama", "run", reference),), notes)


def _lmstudio(candidate: Candidate, fit: Fit, file: str | None) -> RunCommand:
    layers, total = fit.placement.gpu_layers, fit.placement.layers
    share = "max" if fit.placement.kind in ("gpu", "multi-gpu", "unified") else "off"
    if fit.placement.kind == "partial-offload" and layers and total:
        share = f"{min(layers / (total + 1), 1):.2f}"
    brought, name, notes = _into_lmstudio(candidate, file)
    load = _line("lms", "load", name, "--context-length", fit.settings.context, "--gpu", share)
    return RunCommand("lmstudio", (*brought, load), notes)


def _into_lmstudio(candidate: Candidate, file: str | None) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """How its files come into LM Studio's folder, what they are loaded by, and notes.

    LM Studio loads only from there, as USER/REPO/FILE. Plain ``lms import`` would move the file away; a hard link
    leaves it and takes no room: https://lmstudio.ai/docs/cli/local-models/import
    """
    option = candidate.option
    if file is None:
        get = _line("lms", "get", f"https://huggingface.co/{option.source.repo}@{str(option.quantisation).lower()}")
        return (get,), option.source.repo.split("/")[-1].lower(), ()
    place = f"modelpick/{candidate.entry.slug}"
    lines = tuple(_line("lms", "import", "--yes", "--hard-link", "--user-repo", place, part) for part in _parts(file))
    note = "the file stays where it is; if LM Studio's models lie on another disk, --copy in place of --hard-link"
    return lines, f"{place}/{_base(file)}", (note,)


def _base(file: str) -> str:
    return file.replace("\\", "/").rpartition("/")[2]


def _parts(file: str) -> tuple[str, ...]:
    """All files of a GGUF in parts (``-00001-of-00003.gguf``), or the one."""
    head, _, count = file.removesuffix(".gguf").rpartition("-of-")
    stem, _, number = head.rpartition("-")
    if not (count.isdigit() and number.isdigit() and len(number) == len(count) == 5):
        return (file,)
    return tuple(f"{stem}-{part:05d}-of-{count}.gguf" for part in range(1, int(count) + 1))


def _vllm(candidate: Candidate, fit: Fit, file: str | None) -> RunCommand:
    words: list[object] = ["vllm", "serve", file or candidate.option.source.repo]
    words += ["--max-model-len", fit.settings.context, "--max-num-seqs", max(fit.settings.users, 1)]
    if fit.placement.tensor_parallel and fit.placement.tensor_parallel > 1:
        words += ["--tensor-parallel-size", fit.placement.tensor_parallel]
    return RunCommand("vllm", (_line(*words),))


def _mlx(candidate: Candidate, file: str | None) -> RunCommand:
    return RunCommand("mlx", (_line("mlx_lm.chat", "--model", file or candidate.option.source.repo),))


def _transformers(candidate: Candidate, fit: Fit, file: str | None, task: str | None) -> RunCommand:
    from modelpick.selection.running_python import script_for

    script = script_for(candidate, file or candidate.option.source.repo, fit.placement.kind, task)
    words = ("python", "-c", script.code) if script.code else script.words
    return RunCommand("transformers", (_line(*words),) if words else (), script.notes)
