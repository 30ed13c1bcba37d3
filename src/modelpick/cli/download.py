"""``modelpick download``: the right file, whole, verified, allowed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from modelpick.cli.asker_options import asker_options, policy_options
from modelpick.cli.emit import emit
from modelpick.cli.hardware_options import hardware_options
from modelpick.cli.options import OutputOptions, model_argument, registry_option
from modelpick.cli.progress import KINDS, observer
from modelpick.output.formats import FORMATS

WEIGHTS = ("gguf", "safetensors")
RUNTIMES = ("llama.cpp", "ollama", "lmstudio", "transformers", "vllm")
_SOURCE_RUNTIMES = ("transformers", "vllm")


@click.command(
    "download",
    epilog="""\b
Examples:
  modelpick download mistral-7b-v0.1 --dry-run
  modelpick download qwen2.5-7b-instruct --quant Q5_K_M
  modelpick download bartowski/Qwen2.5-7B-Instruct-GGUF:Q4_K_M --to ./models
  modelpick download qwen2.5-7b-instruct --for ollama --create
  modelpick download qwen2.5-7b-instruct --format safetensors --for vllm
  modelpick download phi-4 --json --progress json""",
)
@model_argument()
@click.option("--quant", "quantisation", metavar="Q", help="The quantisation, in any spelling [default: Q4_K_M].")
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice([*WEIGHTS, *FORMATS]),
    metavar="FORMAT",
    envvar="MODELPICK_FORMAT",
    help="gguf or safetensors: the weights wanted. table, json, jsonl, csv or markdown: how to answer. May be both "
    "[env: MODELPICK_FORMAT].",
)
@click.option("--revision", default="main", metavar="R", help="A branch, tag or commit [default: main].")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="A folder of yours, not the Hub's cache.",
)
@click.option("--for", "runtime", type=click.Choice(RUNTIMES), help="Hand the files over to this program.")
@click.option("--create", is_flag=True, help="With --for ollama: run `ollama create`, do not only print it.")
@click.option(
    "--accept-license",
    is_flag=True,
    help="You read the licence and accept its terms where the default policy asks; a policy of yours still decides.",
)
@click.option("--allow-pickle", is_flag=True, help="Fetch pickled weights where nothing safer exists.")
@click.option("--dry-run", is_flag=True, help="Say what would be fetched, and fetch nothing.")
@click.option("--progress", type=click.Choice(KINDS), default="auto", help="Progress on stderr [default: auto].")
@policy_options()
@asker_options
@hardware_options
@registry_option
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("--fields", metavar="A,B,C", help="Only these fields of each result.")
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    envvar="MODELPICK_COLOR",
    help="Colour in tables [default: auto; env: MODELPICK_COLOR, NO_COLOR, FORCE_COLOR].",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress, notes or hints on stderr.")
def command(model: str, **given: Any) -> None:
    """Fetch a model: the right files, verified, if its licence allows.

    The publisher's own GGUF comes first, then known re-packagers, then the source weights. An interrupted download
    goes on where it stopped. The licence is judged again from the live card before the first byte. Not legal advice.
    """
    from modelpick.cli.download_run import Request, run

    weights, output = _formats(given)
    if given["create"] and given["runtime"] != "ollama":
        raise click.UsageError("--create belongs to --for ollama.")
    if weights is None and given["runtime"] in _SOURCE_RUNTIMES:
        weights = "safetensors"
    request = Request(
        model=model,
        quantisation=given["quantisation"],
        weights=weights,
        revision=given["revision"],
        folder=given["folder"],
        runtime=given["runtime"],
        create=given["create"],
        accept_license=given["accept_license"],
        allow_pickle=given["allow_pickle"],
        dry_run=given["dry_run"],
        registry=given["registry"],
        policy=given["policy"],
        policy_chosen=_chosen("license") or _chosen("policy"),
        asker=given["asker"],
        machine=given["machine"],
    )
    emit(run(request, observer(given["progress"], quiet=output.quiet)), output)


def _formats(given: dict[str, Any]) -> tuple[str | None, OutputOptions]:
    """``--format`` names weights, an output or one of each; the words do not overlap."""
    weights = [name for name in given["formats"] if name in WEIGHTS]
    shown = [name for name in given["formats"] if name in FORMATS] + (["json"] if given["as_json"] else [])
    if len(set(weights)) > 1 or len(set(shown)) > 1:
        raise click.UsageError(f"{' and '.join(sorted(set(weights if len(weights) > 1 else shown)))} contradict.")
    fields = tuple(name.strip() for name in (given["fields"] or "").split(",") if name.strip())
    output = OutputOptions(shown[0] if shown else _usual_output(), fields, given["color"], given["quiet"])
    return weights[0] if weights else None, output


def _usual_output() -> str:
    """The output of the environment or the config file, which naming weights on the command line must not undo."""
    value = os.environ.get("MODELPICK_FORMAT") or click.get_current_context().lookup_default("formats")
    names = value.split() if isinstance(value, str) else list(value or ())
    return next((name for name in names if name in FORMATS), "table")


def _chosen(name: str) -> bool:
    """Whether an option was given by anyone: on the command line, in the environment or in the config file."""
    from click.core import ParameterSource

    return click.get_current_context().get_parameter_source(name) not in (None, ParameterSource.DEFAULT)
