"""The engine, asked in a process of its own: llama.cpp's C interface by ctypes, out of the package with the kernels.

    python -m modelpick.quantisation.engine_child MODEL REQUEST.json LOGITS.f32

Structures are passed as opaque blocks that are larger than any version's: a callee reads only its own fields, and
the defaults come from the library itself. Only ``n_ctx``, the first field of the context parameters since they
exist, is set. A crash of the engine (it happens: an unsupported instruction, a defective file) ends this process
and not the caller's.
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path
from typing import Any

_CONTEXT = 1024


class _Opaque(ctypes.Structure):
    _fields_ = (("words", ctypes.c_uint64 * 64),)


class Engine:
    """A model loaded by llama.cpp, evaluated token by token."""

    def __init__(self, library: Path, model: Path) -> None:
        self._library = _declared(ctypes.CDLL(str(library)))
        self._quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
        self._library.llama_log_set(self._quiet, None)
        self._library.llama_backend_init()
        self._model = self._library.llama_model_load_from_file(
            str(model).encode(), self._library.llama_model_default_params()
        )
        if not self._model:
            raise SystemExit(f"llama.cpp does not load {model.name}")
        params = self._library.llama_context_default_params()
        ctypes.cast(ctypes.byref(params), ctypes.POINTER(ctypes.c_uint32))[0] = _CONTEXT
        self._context = self._library.llama_init_from_model(self._model, params)
        if not self._context:
            raise SystemExit(f"llama.cpp cannot run {model.name}")
        self._vocabulary = self._library.llama_model_get_vocab(self._model)
        self.vocabulary_size = int(self._library.llama_vocab_n_tokens(self._vocabulary))

    def tokenise(self, text: str, *, special: bool = True) -> list[int]:
        """Token ids of a text, with the model's own beginning where ``special``."""
        raw = text.encode()
        buffer = (ctypes.c_int32 * (len(raw) + 16))()
        count = self._library.llama_tokenize(self._vocabulary, raw, len(raw), buffer, len(buffer), special, False)
        if count < 0:
            raise SystemExit(f"llama.cpp cannot tokenise: {count}")
        return list(buffer[:count])

    def text(self, tokens: list[int]) -> str:
        """The text of tokens."""
        buffer = ctypes.create_string_buffer(256)
        parts = []
        for token in tokens:
            count = self._library.llama_token_to_piece(self._vocabulary, token, buffer, len(buffer), 0, False)
            parts.append(buffer.raw[: max(count, 0)])
        return b"".join(parts).decode(errors="replace")

    def feed(self, token: int) -> Any:
        """Take in one token; the logits of the next, as a ctypes array."""
        one = (ctypes.c_int32 * 1)(token)
        if self._library.llama_decode(self._context, self._library.llama_batch_get_one(one, 1)) != 0:
            raise SystemExit("llama.cpp cannot decode")
        return self._library.llama_get_logits(self._context)


def main(arguments: list[str]) -> None:
    """Answer one request: tokens of texts, logits along a text, a continuation."""
    import numpy as np

    from modelpick.quantisation.ggml_bridge import load

    model, request_path, logits_path = map(Path, arguments)
    request = json.loads(request_path.read_text(encoding="utf-8"))
    engine = Engine(load().path, model)
    answer: dict[str, Any] = {"vocabulary": engine.vocabulary_size}
    if "texts" in request:
        answer["tokens"] = [engine.tokenise(text, special=False) for text in request["texts"]]
    tokens = request.get("tokens") or (engine.tokenise(request["text"]) if "text" in request else [])
    tokens = tokens[: min(request.get("limit", 400), _CONTEXT - 64)]
    answer["evaluated"] = tokens
    with logits_path.open("wb") as out:
        last = None
        for token in tokens:
            last = np.ctypeslib.as_array(engine.feed(token), (engine.vocabulary_size,))
            out.write(last.astype("<f4").tobytes())
    made: list[int] = []
    while last is not None and len(made) < request.get("generate", 0):
        made.append(int(last.argmax()))
        last = np.ctypeslib.as_array(engine.feed(made[-1]), (engine.vocabulary_size,))
    answer["continuation"] = engine.text(made)
    sys.stdout.write(json.dumps(answer))


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, integer = ctypes.c_void_p, ctypes.c_int32
    for name, result, arguments in (
        ("llama_log_set", None, [pointer, pointer]),
        ("llama_backend_init", None, []),
        ("llama_model_default_params", _Opaque, []),
        ("llama_context_default_params", _Opaque, []),
        ("llama_model_load_from_file", pointer, [ctypes.c_char_p, _Opaque]),
        ("llama_init_from_model", pointer, [pointer, _Opaque]),
        ("llama_model_get_vocab", pointer, [pointer]),
        ("llama_vocab_n_tokens", integer, [pointer]),
        (
            "llama_tokenize",
            integer,
            [pointer, ctypes.c_char_p, integer, pointer, integer, ctypes.c_bool, ctypes.c_bool],
        ),
        ("llama_token_to_piece", integer, [pointer, integer, pointer, integer, integer, ctypes.c_bool]),
        ("llama_batch_get_one", _Opaque, [pointer, integer]),
        ("llama_decode", integer, [pointer, _Opaque]),
        ("llama_get_logits", ctypes.POINTER(ctypes.c_float), [pointer]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


if __name__ == "__main__":
    main(sys.argv[1:])
