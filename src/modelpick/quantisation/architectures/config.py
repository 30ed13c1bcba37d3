"""A model's ``config.json``, made even: text part on top, one place for the rope parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelpick.errors import IntegrityError, NotFoundError

_ROPE_THETA = ("global_rope_theta", "rope_theta", "rotary_emb_base")
_LOCAL_THETA = ("rope_local_base_freq", "local_rope_theta", "swa_rope_theta")
_MAX_CONFIG_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Config:
    """``values`` as published with the text part laid over; ``rope`` as the converter understands it."""

    architecture: str
    values: Mapping[str, Any]
    rope: Mapping[str, Any]

    def find(self, *names: str, default: Any = None) -> Any:
        """The first of these fields that is present and not null."""
        for name in names:
            if self.values.get(name) is not None:
                return self.values[name]
        return default

    def need(self, *names: str) -> Any:
        """As :meth:`find`.

        :raises IntegrityError: when none is there.
        """
        value = self.find(*names)
        if value is None:
            raise IntegrityError(f"config.json has none of {', '.join(names)}")
        return value

    def count(self, *names: str) -> int:
        """A positive whole number of the config.

        :raises IntegrityError: when it is missing or something else.
        """
        value = self.need(*names)
        if type(value) is not int or not 0 < value < 2**31:
            raise IntegrityError(f"config.json: {names[0]} is {value!r}, not a positive whole number")
        return value

    def completed(self, defaults: Mapping[str, Any]) -> Config:
        """This config with ``defaults`` for the fields it leaves out."""
        absent = {name: value for name, value in defaults.items() if self.values.get(name) is None}
        if not absent:
            return self
        values = {**self.values, **absent}
        return Config(self.architecture, values, _rope(values))

    @property
    def layers(self) -> int:
        """Number of blocks."""
        return self.count("num_hidden_layers", "n_layer", "n_layers", "num_layers")

    @property
    def heads(self) -> int:
        """Number of query heads."""
        return self.count("num_attention_heads", "n_head", "n_heads")

    @property
    def kv_heads(self) -> int:
        """Number of key-value heads."""
        return self.count("num_key_value_heads", "n_kv_heads") if self._grouped else self.heads

    @property
    def _grouped(self) -> bool:
        return self.find("num_key_value_heads", "n_kv_heads") is not None

    @property
    def full_rope(self) -> Mapping[str, Any]:
        """The rope parameters of full-attention layers."""
        inner = self.rope.get("full_attention", self.rope)
        return inner if isinstance(inner, Mapping) else {}


def read_config(path: Path) -> Config:
    """The config of a model folder's ``config.json``.

    :raises NotFoundError: when there is none.
    :raises IntegrityError: when it cannot be read or names no architecture.
    """
    if not path.is_file():
        raise NotFoundError(f"{path.parent} has no config.json", hint="give a folder as published, or a GGUF file")
    if path.stat().st_size > _MAX_CONFIG_BYTES:
        raise IntegrityError(f"{path} is larger than {_MAX_CONFIG_BYTES} bytes")
    try:
        raw = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{path} cannot be read: {error}") from error
    return parse_config(raw)


def parse_config(raw: Any) -> Config:
    """As :func:`read_config`, from the parsed JSON."""
    if not isinstance(raw, dict):
        raise IntegrityError("config.json is not an object")
    names = raw.get("architectures")
    if not isinstance(names, list) or not names or not isinstance(names[0], str):
        raise IntegrityError("config.json names no architecture")
    text = raw.get("text_config")
    values = {**raw, **text} if isinstance(text, dict) else raw
    return Config(names[0], values, _rope(values))


def _rope(values: Mapping[str, Any]) -> Mapping[str, Any]:
    def first(*names: str) -> Any:
        return next((values[name] for name in names if values.get(name) is not None), None)

    given = values.get("rope_parameters") or values.get("rope_scaling") or {}
    if not isinstance(given, dict):
        raise IntegrityError(f"config.json: the rope parameters are {given!r}")
    rope = dict(given)
    if "full_attention" in rope or "sliding_attention" in rope:
        return rope
    if (local := first(*_LOCAL_THETA)) is not None:
        rope["sliding_attention"] = {"rope_theta": local}
    theta, kind = first(*_ROPE_THETA), rope.get("type")
    partial, original = first("partial_rotary_factor", "rope_pct"), first("original_max_position_embeddings")
    for name, value in (
        ("rope_theta", theta),
        ("rope_type", kind),
        ("partial_rotary_factor", partial),
        ("original_max_position_embeddings", original),
    ):
        if value is not None:
            rope.setdefault(name, value)
    return rope
