"""All commands: name, module, one line of help. A new command is one file and one line here.

The module is imported only when its command runs, so ``--help`` and TAB stay fast; a test holds each line of help
against the command's own.
"""

from __future__ import annotations


class Stub:
    """A command before it is imported. ``completes`` says what its arguments are: ``model`` or nothing."""

    __slots__ = ("aliases", "completes", "help", "module", "name")

    def __init__(
        self, name: str, module: str, help: str, aliases: tuple[str, ...] = (), completes: str | None = None
    ) -> None:
        self.name = name
        self.module = module
        self.help = help
        self.aliases = aliases
        self.completes = completes


COMMANDS: tuple[Stub, ...] = (
    Stub("recommend", "modelpick.cli.recommend", "Recommend the best models that fit this machine and may be used."),
    Stub(
        "explain",
        "modelpick.cli.explain",
        "Explain why a model is ranked where it is on this machine, or why it was turned down.",
        completes="model",
    ),
    Stub(
        "compare",
        "modelpick.cli.compare",
        "Compare 2 to 12 models: size, training, licence, quality, and memory and speed on this machine.",
        completes="model",
    ),
    Stub(
        "run-command",
        "modelpick.cli.run_command",
        "Print the command that runs a model as it is best placed on this machine.",
        completes="model",
    ),
    Stub("list", "modelpick.cli.list_cmd", "List the models of the registry, filtered and sorted."),
    Stub("show", "modelpick.cli.show", "Show everything known about a model, and who says so.", completes="model"),
    Stub(
        "plan",
        "modelpick.cli.plan",
        "Plan a model over quantisations and contexts: memory, placement and speed on this machine.",
        completes="model",
    ),
    Stub(
        "license",
        "modelpick.cli.license_cmd.group",
        "May I use it, and what do I owe? Licences of models, by their whole lineage.",
        aliases=("licence",),
    ),
    Stub(
        "download",
        "modelpick.cli.download",
        "Fetch a model: the right files, verified, if its licence allows.",
        completes="model",
    ),
    Stub(
        "quantise",
        "modelpick.cli.quantise",
        "Quantise published weights into a file that fits.",
        aliases=("quantize",),
        completes="model",
    ),
    Stub("verify", "modelpick.cli.verify", "Check downloaded files again: size, sha256 and header of each."),
    Stub(
        "installed",
        "modelpick.cli.installed",
        "List the models on this disk: Hub cache, Ollama, LM Studio, llama.cpp.",
    ),
    Stub(
        "registry",
        "modelpick.cli.registry_cmd.group",
        "Look after the registry: your models, its build, its health.",
    ),
    Stub("inspect", "modelpick.cli.inspect", "Say what a model file holds, and what it takes to run it."),
    Stub("hardware", "modelpick.cli.hardware", "Show this machine, or the one that the options describe."),
    Stub("doctor", "modelpick.cli.doctor", "Say what this program sees and how it judges it, for a bug report."),
    Stub("completion", "modelpick.cli.completion", "Print the completion script of a shell."),
)
"""In the order of ``modelpick --help``: the answer first, then what it rests on, then the tools."""


def find(name: str) -> Stub | None:
    """The stub of that name or alias."""
    for stub in COMMANDS:
        if name == stub.name or name in stub.aliases:
            return stub
    return None
