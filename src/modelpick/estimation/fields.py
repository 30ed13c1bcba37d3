"""Reading numbers out of a configuration that anybody may have written: wrong types count as absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_MOST = 2**62


class Fields:
    """A mapping of configuration fields, read by any of several names."""

    __slots__ = ("_config",)

    def __init__(self, config: Mapping[str, object]) -> None:
        self._config = config

    def has(self, name: str) -> bool:
        """Whether the field is there and says something."""
        return self._config.get(name) is not None

    def number(self, *names: str) -> int | None:
        """The first of the fields that is a whole number of sensible size and not negative."""
        for name in names:
            value = self._config.get(name)
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            if isinstance(value, int) and 0 <= value < _MOST:
                return int(value)
        return None

    def values(self, name: str) -> tuple[int, ...]:
        """The field's numbers where it is a list of them."""
        value = self._config.get(name)
        if isinstance(value, Sequence) and not isinstance(value, str):
            numbers = tuple(item for item in value if isinstance(item, int) and 0 <= item < _MOST)
            return numbers if len(numbers) == len(value) else ()
        return ()

    def numbers(self, name: str, length: int) -> tuple[int, ...]:
        """The field as one number a layer, where it is such a list and its entries differ."""
        values = self.values(name)
        return values if len(values) == length and len(set(values)) > 1 else ()

    def text(self, *names: str) -> str | None:
        """The first of the fields that is text."""
        for name in names:
            value = self._config.get(name)
            if isinstance(value, str) and value:
                return value
        return None

    def texts(self, name: str) -> tuple[str, ...]:
        """The field's strings where it is a list of them."""
        value = self._config.get(name)
        if isinstance(value, Sequence) and not isinstance(value, str):
            return tuple(item for item in value if isinstance(item, str))
        return ()

    def first_of(self, name: str) -> str | None:
        """A field that is text or a list of texts: the (first) text."""
        return self.text(name) or next(iter(self.texts(name)), None)

    def truth(self, *names: str) -> bool | None:
        """The first of the fields that is true or false (or 1 or 0)."""
        for name in names:
            value = self._config.get(name)
            if isinstance(value, bool) or value in (0, 1):
                return bool(value)
        return None

    def mapping(self, name: str) -> Mapping[str, object]:
        """The field where it is a mapping, else an empty one."""
        value = self._config.get(name)
        return value if isinstance(value, Mapping) else {}

    def inner(self, name: str) -> Fields:
        """These fields with those of the inner mapping ``name`` laid over them."""
        return Fields({**self._config, **self.mapping(name)})

    def rope_type(self) -> str | None:
        """The kind of rotary scaling that is asked for."""
        for name in ("rope_scaling", "rope_parameters"):
            scaling = self.mapping(name)
            for key in ("rope_type", "type"):
                value = scaling.get(key)
                if isinstance(value, str):
                    return value
        return None
