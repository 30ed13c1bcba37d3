"""Finding a folder's tokenizer, and writing it with its special tokens and chat template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelpick.errors import IntegrityError, NotFoundError
from modelpick.quantisation.vocabulary import bpe, sentencepiece
from modelpick.quantisation.vocabulary.tokens import Vocabulary, read_json

if TYPE_CHECKING:
    from gguf import GGUFWriter


def read(folder: Path, vocabulary_size: int) -> Vocabulary:
    """The tokenizer of a folder as published.

    :raises NotFoundError: when there is none, or one that llama.cpp does not run.
    :raises IntegrityError: when a file is damaged or does not fit the model.
    """
    try:
        tokenizer = read_json(folder / "tokenizer.json")
        if (folder / "tokenizer.model").is_file() and not _is_tiktoken(folder / "tokenizer.model"):
            return sentencepiece.read_model(folder, tokenizer, vocabulary_size)
        if not tokenizer:
            raise NotFoundError(
                f"no tokenizer in {folder}",
                hint="put the published tokenizer.json or tokenizer.model beside the weights",
            )
        if sentencepiece.is_sentencepiece(tokenizer):
            return sentencepiece.read_json_vocabulary(folder, tokenizer, vocabulary_size)
        if bpe.is_byte_level(tokenizer):
            return bpe.read(folder, tokenizer, vocabulary_size)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"the tokenizer in {folder} is damaged: {error!r}") from error
    kind = (tokenizer.get("model") or {}).get("type")
    raise NotFoundError(f"a tokenizer of kind {kind} is not converted; byte-level BPE and SentencePiece BPE are")


def write(vocabulary: Vocabulary, folder: Path, writer: GGUFWriter, *, space_prefix: bool | None) -> None:
    """Write tokens, merges, special tokens and chat template."""
    import gguf

    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    if vocabulary.scores is not None:
        writer.add_token_scores(vocabulary.scores)
    writer.add_token_types(vocabulary.kinds)
    special = gguf.SpecialVocab(folder, load_merges=vocabulary.merges, n_vocab=len(vocabulary.tokens))
    if vocabulary.merges and not special.merges:
        raise IntegrityError("the tokenizer has no merges")
    if vocabulary.merges:
        special.add_special_token.setdefault("bos", False)
    special.add_to_gguf(writer, quiet=True)
    prefix = _first(space_prefix, _config_prefix(folder) if vocabulary.scores else None, vocabulary.space_prefix)
    if prefix is not None:
        writer.add_add_space_prefix(prefix)


def _config_prefix(folder: Path) -> bool | None:
    value: Any = read_json(folder / "tokenizer_config.json").get("add_prefix_space")
    return value if isinstance(value, bool) else None


def _first(*values: bool | None) -> bool | None:
    return next((value for value in values if value is not None), None)


def _is_tiktoken(path: Path) -> bool:
    """Llama 3 repositories carry a tiktoken list (base64 and rank) under SentencePiece's name."""
    with path.open("rb") as file:
        line = file.readline(4096).split()
    return len(line) == 2 and line[1].isdigit()
