"""The YAML at the head of a model card, read as data that a stranger wrote: bounded, and no aliases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelpick.errors import IntegrityError

MAX_BYTES = 256 * 1024
"""The longest front matter that is read. The Hub's own cards stay below 20 kB."""

MAX_NODES = 20_000
MAX_DEPTH = 40


def front_matter_of(text: str) -> str | None:
    """The lines between the two ``---`` at the head of a card; None where it begins with something else.

    :raises IntegrityError: for a head that never ends or is too long.
    """
    text = text.removeprefix("\ufeff")
    if not text.startswith(("---\n", "---\r\n")):
        return None
    lines = text.splitlines(keepends=True)[1:]
    taken: list[str] = []
    size = 0
    for line in lines:
        if line.rstrip() in ("---", "..."):
            return "".join(taken)
        size += len(line)
        if size > MAX_BYTES:
            raise IntegrityError(f"the card's front matter is longer than {MAX_BYTES:,} bytes")
        taken.append(line)
    raise IntegrityError("the card's front matter has no end: a line of --- is missing")


def parse(text: str) -> Mapping[str, Any]:
    """The front matter as plain values.

    Aliases are refused, because a few lines of them can stand for gigabytes; so are keys that stand twice, because
    nobody can say which one counts.

    :raises IntegrityError: for text that is not YAML, is no mapping, or holds either of these.
    """
    # 20 ms, and only a card on disk needs it. It comes with huggingface_hub.
    import yaml

    try:
        node = yaml.compose(text, Loader=_loader())
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            raise IntegrityError("the card's front matter is no list of fields")
        value = yaml.SafeLoader("").construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 2}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise IntegrityError(f"the card's front matter is not YAML{where}: {problem}") from error
    except (RecursionError, ValueError, TypeError) as error:
        raise IntegrityError(f"the card's front matter cannot be read: {type(error).__name__}") from error
    return {str(key): item for key, item in value.items()}


def _loader() -> Any:
    import yaml

    class Bounded(yaml.SafeLoader):  # type: ignore[misc]
        """SafeLoader that counts nodes and depth and knows no aliases."""

        nodes = 0
        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            event = self.peek_event()
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise yaml.MarkedYAMLError(problem="anchors and aliases are not read", problem_mark=event.start_mark)
            self.nodes += 1
            self.depth += 1
            if self.nodes > MAX_NODES or self.depth > MAX_DEPTH:
                raise yaml.MarkedYAMLError(problem="too many or too deep values", problem_mark=event.start_mark)
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

        def compose_mapping_node(self, anchor: Any) -> Any:
            node = super().compose_mapping_node(anchor)
            seen = set()
            for key, _ in node.value:
                if key.value in seen if isinstance(key.value, str) else False:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark
                    )
                if isinstance(key.value, str):
                    seen.add(key.value)
            return node

    return Bounded
