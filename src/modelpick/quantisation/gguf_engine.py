"""The engine for GGUF files: plan, stream, verify, name."""

from __future__ import annotations

import os
from pathlib import Path
from struct import unpack_from

from modelpick.errors import ModelpickError, NetworkError, UsageError
from modelpick.quantisation import ggml_bridge, stream
from modelpick.quantisation.interface import Passage, Progress, Quantised, Recipe
from modelpick.quantisation.partfile import JOURNAL_BYTES, PartFile
from modelpick.quantisation.prepare import Prepared, prepare
from modelpick.quantisation.verify import verify


class GgufEngine:
    """One pass from safetensors, or from a GGUF file of higher precision, to a quantised GGUF file."""

    name = "gguf"

    def available(self) -> str | None:
        """None when NumPy, gguf and a carrier of the kernels are installed, else the command that installs them."""
        from importlib.util import find_spec

        missing = [package for package in ("numpy", "gguf") if find_spec(package) is None]
        return ggml_bridge.INSTALL if missing or not ggml_bridge.available() else None

    def quantise(self, source: Path, target: Path, recipe: Recipe, progress: Progress) -> Quantised:
        """Write ``target``; nothing stands under that name unless it was verified.

        :raises UsageError: when the target exists, or is the source.
        """
        check_target(source, target, overwrite=recipe.overwrite)
        return self.write(self.plan(source, recipe), target, recipe, progress)

    def plan(self, source: Path, recipe: Recipe) -> Prepared:
        """What would be written; nothing is."""
        install = self.available()
        if install:
            raise ModelpickError("the packages that quantise are not installed", hint=install)
        return prepare(source, recipe, ggml_bridge.load())

    def write(
        self,
        prepared: Prepared,
        target: Path,
        recipe: Recipe,
        progress: Progress,
        *,
        passage: Passage | None = None,
        journal_bytes: int = JOURNAL_BYTES,
    ) -> Quantised:
        """Write what was planned. A ``passage`` is finished before the file gets its name, and may still refuse."""
        kernels = ggml_bridge.load()
        part = _part(prepared, target, journal_bytes, passage)
        try:
            resumed = sum(
                bool(output.moves) and all(move.source in part.done for move in output.moves)
                for output in prepared.outputs
            )
            task = _task(prepared, kernels, recipe, part.done, by_shard=passage is not None)
            stream.run(task, prepared.source, part, progress)
            if passage:
                passage.finish()
            keys = unpack_from("<Q", prepared.frame.header, 16)[0]
            sha256 = part.commit(lambda path: verify(path, prepared.frame, keys), overwrite=recipe.overwrite)
        except NetworkError:
            part.keep()
            raise
        except BaseException:
            part.discard()
            raise
        finally:
            prepared.source.close()
        engine = f"ggml ({kernels.carrier})"
        return Quantised(
            target,
            prepared.frame.size,
            prepared.plans,
            engine,
            kernels.version,
            prepared.notes,
            sha256,
            resumed,
        )


def _part(prepared: Prepared, target: Path, journal_bytes: int, passage: Passage | None) -> PartFile:
    """The file to be written, with what counts of an earlier run; closes the source where that is refused."""
    marks = passage.marks if passage else tuple
    try:
        part = PartFile(target, prepared.frame, prepared.fingerprint, journal_bytes=journal_bytes, marks=marks)
    except BaseException:
        prepared.source.close()
        raise
    if passage:
        whole = passage.take_up(part.marked)
        part.keep_only({tensor.name for tensor in prepared.source.tensors.values() if tensor.shard in whole})
    return part


def _task(
    prepared: Prepared, kernels: ggml_bridge.Kernels, recipe: Recipe, done: frozenset[str], *, by_shard: bool
) -> stream.Task:
    return stream.Task(
        prepared.outputs,
        {placed.plan.name: placed for placed in prepared.frame.tensors},
        kernels,
        max(recipe.threads, 1),
        prepared.scales,
        prepared.weights,
        through_bf16=not recipe.exact_source,
        done=done,
        by_shard=by_shard,
    )


def check_target(source: Path, target: Path, *, overwrite: bool) -> None:
    """Refuse a target that is the source or inside it as one of its files, exists, or has no folder.

    llama.cpp destroys the input when both are one file.
    """
    if (
        target.exists()
        and source.exists()
        and (
            source.samefile(target)
            or (source.is_dir() and any(path.samefile(target) for path in source.iterdir() if path.is_file()))
        )
    ):
        raise UsageError(f"{target} is the source itself", hint="choose another file with --out")
    if target.is_dir():
        raise UsageError(f"{target} is a folder", hint=f"--out {target / 'model.gguf'}")
    if target.exists() and not overwrite:
        raise UsageError(f"{target} exists", hint="--force overwrites it")
    if not target.parent.is_dir():
        raise UsageError(f"there is no folder {target.parent}", hint=f"mkdir -p {target.parent}")
    if not os.access(target.parent, os.W_OK):
        raise UsageError(f"{target.parent} is not writable", hint="choose another folder with --out")
