"""``modelpick quantise``: from published weights to a file that fits, in one pass."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from modelpick.cli.asker_options import asker_options, policy_options
from modelpick.cli.emit import emit
from modelpick.cli.hardware_options import hardware_options
from modelpick.cli.options import complete_model, output_options, registry_option
from modelpick.cli.progress import KINDS, observer

ENGINES = ("gguf", "ctranslate2", "mlx")
RUNTIMES = ("llama.cpp", "ollama", "lmstudio")


@click.command(
    "quantise",
    epilog="""\b
Examples:
  modelpick quantise ./Qwen3-8B --type Q4_K_M
  modelpick quantise qwen3-8b --fit --context 16384 --for ollama
  modelpick quantise qwen3-8b --stream --type Q5_K_M --out /models/qwen3.gguf
  modelpick quantise model-bf16.gguf --type IQ2_M --imatrix imatrix.gguf
  modelpick quantise ./Qwen3-8B --dry-run --json""",
)
@click.argument("source", shell_complete=complete_model)
@click.option("--type", "type_", metavar="TYPE", help="Q8_0, Q6_K, Q5_K_M, Q4_K_M, IQ4_XS ... [default: what fits].")
@click.option("--fit", is_flag=True, help="Choose the best type that fits the machine at --context, and say why.")
@click.option("--context", default="8192", metavar="N", help="Tokens that must fit beside the weights [default: 8192].")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="PATH", help="The file to write [default: NAME-TYPE.gguf]."
)
@click.option("--imatrix", type=click.Path(path_type=Path), metavar="FILE", help="An importance matrix in GGUF form.")
@click.option("--threads", type=click.IntRange(1, 1024), help="Threads that quantise [default: the usable cores].")
@click.option("--for", "runtime", type=click.Choice(RUNTIMES), help="Say how this program loads the result.")
@click.option("--stream", is_flag=True, help="Quantise while downloading: the source never lies on this disk.")
@click.option("--check", is_flag=True, help="Load the result, generate, and compare its logits with the source's.")
@click.option("--exact-source", is_flag=True, help="Do not round F16 and F32 sources to BF16 first, as others do.")
@click.option(
    "--converter",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="llama.cpp's convert_hf_to_gguf.py, for architectures that are not converted here.",
)
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="gguf",
    help="What to make: a GGUF file, or a folder for CTranslate2 (int8) or MLX (4bit) [default: gguf].",
)
@click.option("--revision", default="main", metavar="R", help="A branch, tag or commit of the Hub [default: main].")
@click.option("--accept-license", is_flag=True, help="You read the licence and accept its terms.")
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
@click.option("--dry-run", is_flag=True, help="Say what would be written: types, size, disk, time. Write nothing.")
@click.option("--progress", type=click.Choice(KINDS), default="auto", help="Progress on stderr [default: auto].")
@policy_options()
@asker_options
@hardware_options
@registry_option
@output_options
def command(source: str, **given: Any) -> None:
    """Quantise published weights into a file that fits.

    SOURCE is a model's name, a folder with safetensors, or a GGUF file of higher precision. One pass: no PyTorch, no
    file in between, 200 MB of memory. The result is verified before it gets its name.
    """
    from modelpick.cli.quantise_run import Request, run

    output = given.pop("output")
    request = Request(
        source=source,
        type=given["type_"],
        fit=given["fit"],
        context=given["context"],
        out=given["out"],
        imatrix=given["imatrix"],
        threads=given["threads"],
        runtime=given["runtime"],
        stream=given["stream"],
        check=given["check"],
        exact_source=given["exact_source"],
        converter=given["converter"],
        engine=given["engine"],
        revision=given["revision"],
        accept_license=given["accept_license"],
        force=given["force"],
        dry_run=given["dry_run"],
        registry=given["registry"],
        machine=given["machine"],
        policy=given["policy"],
        policy_chosen=_chosen("license") or _chosen("policy"),
        asker=given["asker"],
    )
    with _terminated_like_interrupted():
        emit(run(request, observer(given["progress"], quiet=output.quiet)), output)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """``kill`` ends the command as Ctrl-C does: what was begun is removed."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread (an embedding program, a test)
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _chosen(name: str) -> bool:
    from click.core import ParameterSource

    return click.get_current_context().get_parameter_source(name) not in (None, ParameterSource.DEFAULT)
