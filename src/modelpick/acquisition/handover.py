"""Handing the verified files to the program that runs them: a Modelfile, a folder of links, or a command."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from modelpick.acquisition import manifest
from modelpick.acquisition.interface import Artifact, Handover, Target
from modelpick.acquisition.names import part_of
from modelpick.acquisition.store import has_size, link_or_copy
from modelpick.acquisition.stores import lmstudio
from modelpick.errors import ModelpickError, UsageError

_GGUF_ONLY = ("llama.cpp", "lmstudio")


def handover(artifact: Artifact, target: Target, environment: Mapping[str, str], name: str | None = None) -> Handover:
    """What it takes for ``target`` to run the artifact; files are written, commands are only named.

    :raises UsageError: when that program cannot run the format.
    """
    if target in _GGUF_ONLY and artifact.format != "gguf":
        raise UsageError(
            f"{target} runs GGUF files, and this is {artifact.format}",
            hint=f"`modelpick quantise {artifact.path}` makes a GGUF of it; transformers and vllm run it as it is",
        )
    made = _MAKERS[target](artifact, environment, name)
    if target in ("transformers", "vllm") and artifact.format == "gguf":
        note = f"{target} runs source weights best: `modelpick download {artifact.model} --format safetensors`"
        return Handover(made.target, made.commands, made.written, (*made.notes, note))
    return made


def first_file(artifact: Artifact) -> Path:
    """What a program is pointed at: the (first) GGUF, or the folder of source weights."""
    folder = Path(artifact.path)
    weights = [file.path for file in artifact.files if file.path.lower().endswith(".gguf")]
    main = [path for path in weights if "mmproj" not in path.lower()]
    return folder / sorted(main)[0] if main else folder


def projector(artifact: Artifact) -> Path | None:
    """The vision projector among the files."""
    found = [file.path for file in artifact.files if "mmproj" in file.path.lower()]
    return Path(artifact.path) / found[0] if found else None


def _llama_cpp(artifact: Artifact, _environment: Mapping[str, str], _name: str | None) -> Handover:
    command = ["llama-server", "-m", str(first_file(artifact))]
    if beside := projector(artifact):
        command += ["--mmproj", str(beside)]
    return Handover("llama.cpp", (tuple(command),))


def _transformers(artifact: Artifact, _environment: Mapping[str, str], _name: str | None) -> Handover:
    return Handover("transformers", (("transformers", "chat", str(first_file(artifact))),))


def _vllm(artifact: Artifact, _environment: Mapping[str, str], name: str | None) -> Handover:
    served = ("--served-model-name", name or artifact.model)
    return Handover("vllm", (("vllm", "serve", str(first_file(artifact)), *served),))


def _ollama(artifact: Artifact, _environment: Mapping[str, str], name: str | None) -> Handover:
    """A Modelfile and ``ollama create``. Source: https://docs.ollama.com/modelfile."""
    main = first_file(artifact)
    lines = [f"FROM {main}"]
    if beside := projector(artifact):
        lines.append(f"FROM {beside}")
    folder = manifest.home(Path(artifact.path))
    folder.mkdir(parents=True, exist_ok=True)
    called = ollama_name(artifact, name)
    modelfile = folder / f"{called.replace(':', '-').replace('/', '-')}.Modelfile"
    modelfile.write_text("\n".join(lines) + "\n", encoding="utf-8")
    notes = []
    if part_of(main.name):
        notes.append(
            f"Ollama takes no split GGUF: first `llama-gguf-split --merge {main} ONE.gguf`, then name that one there"
        )
    return Handover("ollama", (("ollama", "create", called, "-f", str(modelfile)),), (str(modelfile),), tuple(notes))


def ollama_name(artifact: Artifact, name: str | None = None) -> str:
    """A name that Ollama accepts: the model's, with the quantisation as the tag."""
    base = re.sub(r"[^a-z0-9._-]+", "-", (name or artifact.model.rpartition("/")[2]).lower()).strip("-.")
    tag = re.sub(r"[^a-z0-9._-]+", "-", (artifact.quantisation or "latest").lower())
    return f"{base or 'model'}:{tag}"


def _lmstudio(artifact: Artifact, environment: Mapping[str, str], _name: str | None) -> Handover:
    """The files under LM Studio's folder, as hard links where the disk allows."""
    publisher, _, repository = (artifact.repo or f"modelpick/{artifact.model}").partition("/")
    folder = lmstudio.roots(environment)[0] / publisher / repository
    written, copied = [], False
    for file in artifact.files:
        if not file.path.lower().endswith(".gguf"):
            continue
        target = folder / file.path.rpartition("/")[2]
        if target.exists():
            if has_size(target, file.bytes):
                continue
            raise UsageError(f"{target} is there already and is another file", hint="move it away first")
        copied |= link_or_copy(Path(artifact.path) / file.path, target) == "copy"
        written.append(str(target))
    notes = ("the files were copied: LM Studio's folder is on another disk",) if copied else ()
    return Handover("lmstudio", (("lms", "load", f"{publisher}/{repository}"),), tuple(written), notes)


def create_in_ollama(made: Handover) -> str:
    """Run ``ollama create``; what it said.

    :raises ModelpickError: when Ollama is not installed or refuses.
    """
    command = made.commands[0]
    if not (program := shutil.which(command[0])):
        raise ModelpickError("ollama is not installed here", hint=f"install it, then: {' '.join(command)}")
    ran = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
    if ran.returncode:
        last = (ran.stderr or ran.stdout).strip().splitlines()[-1:] or ["no message"]
        raise ModelpickError(f"ollama create ended with {ran.returncode}: {last[0]}", hint=" ".join(command))
    return (ran.stdout or ran.stderr).strip()


_MAKERS: dict[Target, Callable[[Artifact, Mapping[str, str], str | None], Handover]] = {
    "llama.cpp": _llama_cpp,
    "ollama": _ollama,
    "lmstudio": _lmstudio,
    "transformers": _transformers,
    "vllm": _vllm,
}
