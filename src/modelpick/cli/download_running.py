"""The exact command that runs what was downloaded as it is best placed on this machine."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from modelpick.acquisition.interface import Artifact, Handover
from modelpick.cli.memory_need import CONTEXT

if TYPE_CHECKING:
    from modelpick.estimation.interface import Runtime
    from modelpick.hardware.interface import Hardware

_PLACED: tuple[Runtime, ...] = ("llama.cpp", "vllm", "transformers")


def placed(made: Handover, artifact: Artifact, slug: str, hardware: Hardware, registry: Path | None) -> Handover:
    """The hand-over with the command that :mod:`modelpick.selection.running` gives for this placement.

    As it was where the program finds its own placement (Ollama, LM Studio) or the model does not fit.
    """
    from modelpick.acquisition.handover import first_file, projector
    from modelpick.estimation.interface import Misfit
    from modelpick.pick import Machine
    from modelpick.registry.layers import Layers
    from modelpick.registry.shelf import entry_of
    from modelpick.selection.interface import Candidate, Option, Source
    from modelpick.selection.running import run_command
    from modelpick.values import replace

    runtime = next((name for name in _PLACED if name == made.target), None)
    if runtime is None:
        return made
    with Layers.open(registry) as opened:
        entry = entry_of(opened, slug, "general")
    size = sum(file.bytes for file in artifact.files if file.path.endswith((".gguf", ".safetensors")))
    source = Source(artifact.format, artifact.repo or "", "official", artifact.quantisation, size or None)
    option = Option(artifact.format, artifact.quantisation, runtime, source)
    candidate = Candidate(entry, option, min(CONTEXT, entry.context_length or CONTEXT))
    fit = Machine(hardware).assess(candidate)
    if isinstance(fit, Misfit):
        return replace(made, notes=(*made.notes, f"it does not fit as it is: {fit.reason}"))
    command = run_command(candidate, fit, file=str(first_file(artifact)))
    lines = [tuple(shlex.split(line)) for line in command.lines]
    if lines and runtime == "llama.cpp" and (eyes := projector(artifact)):
        lines[-1] = (*lines[-1], "--mmproj", str(eyes))
    return replace(made, commands=tuple(lines) or made.commands, notes=(*made.notes, *command.notes))
