"""The fast answer to TAB on a model name, before click is imported; everything else is click's.

Click alone costs more than half of what a completion may take, and the common case needs none of it: a command
that takes model names, no option typed, one word to finish.
"""

from __future__ import annotations

import os

from modelpick.cli.commands import find

_ENDING = {"bash": "plain,{}", "zsh": "plain\n{}\n_", "fish": "plain,{}", "powershell": "plain\n{}\n_"}
_UNSURE = frozenset("'\"\\$`")


def answer(environment: dict[str, str] | os._Environ[str]) -> str | None:
    """The completions as the shell's script reads them, or None when click has to answer."""
    shell, _, action = environment.get("_MODELPICK_COMPLETE", "").partition("_")
    typed = environment.get("COMP_WORDS", "")
    if action != "complete" or shell not in _ENDING or not _UNSURE.isdisjoint(typed):
        return None
    found = _words(shell, typed, environment.get("COMP_CWORD", ""))
    if found is None:
        return None
    arguments, incomplete = found
    stub = find(arguments[0]) if arguments else None
    if not stub or stub.completes != "model" or any(word.startswith("-") for word in [*arguments, incomplete]):
        return None
    from modelpick.registry.names import complete

    names = complete(incomplete, registry=environment.get("MODELPICK_REGISTRY"))
    return "".join(_ENDING[shell].format(name) + "\n" for name in names)


def _words(shell: str, typed: str, position: str) -> tuple[list[str], str] | None:
    """The finished words after the program's name, and the one being typed."""
    words = typed.split()
    if shell == "fish":
        arguments = words[1:]
        if position and arguments and arguments[-1] == position:
            arguments.pop()
        return arguments, position
    if not position.isdigit():
        return None
    current = int(position)
    return words[1:current], words[current] if current < len(words) else ""
