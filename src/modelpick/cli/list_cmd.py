"""``modelpick list``: the models of the registry, filtered and sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelpick.cli.emit import emit
from modelpick.cli.model_filters import Filters, model_filters
from modelpick.cli.options import OutputOptions, output_options, registry_option
from modelpick.output.interface import Column, Document, Grid

if TYPE_CHECKING:
    from pathlib import Path

NOTHING_FOUND = 3
SORTS = ("name", "slug", "developer", "family", "released", "params", "context", "ability")
_SORT_KEYS = {"params": "params_total", "context": "context_length"}
_LARGEST_FIRST = {"released", "params", "context", "ability"}
_COLUMNS = (
    Column("slug", "Model"),
    Column("developer", "Developer"),
    Column("params_total", "Params", right=True),
    Column("context_length", "Context", kind="count", right=True),
    Column("released", "Released"),
    Column("license_key", "Licence"),
    Column("commercial_use", "Commercial use", kind="verdict"),
    Column("downloadable", "Download", kind="yesno"),
)


@click.command(
    "list",
    epilog="""\b
Examples:
  modelpick list --task code --commercial yes
  modelpick list --max-params 8B --license apache-2.0 --sort params
  modelpick list --era early --fields slug,released,license_key
  modelpick list --json | jq -r '.results[].slug'""",
)
@model_filters
@click.option("--sort", type=click.Choice(SORTS), default="slug", help="What to order by [default: slug].")
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most this many models.")
@registry_option
@output_options
def command(
    filters: Filters,
    sort: str,
    reverse: bool,
    limit: int | None,
    registry: Path | None,
    output: OutputOptions,
) -> int:
    """List the models of the registry, filtered and sorted.

    Dates, sizes, contexts and abilities are sorted with the largest first; models whose value is unknown stand last.
    """
    from modelpick.registry.layers import Layers
    from modelpick.registry.listing import list_models

    with Layers.open(registry) as opened:
        where, values = filters.sql(opened)
        models = _sorted(filters.chosen(list_models(opened, where, values)), sort, reverse)
        edition = opened.edition()
    shown = models[:limit]
    emit(
        Document(
            "modelpick.list/1",
            {
                "registry": edition,
                "filters": filters.said(),
                "sort": sort,
                "found": len(models),
                "results": shown,
            },
            blocks=(Grid(_COLUMNS, shown, main=True),) if shown else (),
            notes=_notes(len(models), len(shown), filters),
            hints=(f"modelpick show {shown[0]['slug']}",) if shown else (),
        ),
        output,
    )
    return 0 if models else NOTHING_FOUND


def _sorted(models: list[dict[str, Any]], sort: str, reverse: bool) -> list[dict[str, Any]]:
    """Known values first, in order; ties by slug. The models come by slug."""
    key = _SORT_KEYS.get(sort, sort)
    if key == "slug":
        return models[::-1] if reverse else models
    known = [model for model in models if model[key] is not None]
    unknown = [model for model in models if model[key] is None]
    known.sort(key=lambda model: _comparable(model[key]), reverse=(sort in _LARGEST_FIRST) is not reverse)
    return known + unknown


def _comparable(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _notes(found: int, shown: int, filters: Filters) -> tuple[str, ...]:
    if not found:
        return (f"no model meets {filters.words()}",)
    if shown < found:
        return (f"{shown:,} of {found:,} models shown",)
    return (f"{found:,} model{'' if found == 1 else 's'}",) if filters.given else ()
