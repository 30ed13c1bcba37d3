"""The registry's accelerators, read from the text the registry is built from."""

import functools
import tomllib
from pathlib import Path
from typing import Any

from modelpick.hardware.interface import AcceleratorSpec
from modelpick.units import GIB

_TEXT = Path(__file__).parents[2] / "data" / "accelerators.toml"


class Table:
    """A catalogue as the command line passes one in."""

    def accelerators(self) -> tuple[AcceleratorSpec, ...]:
        return specs()


@functools.cache
def specs() -> tuple[AcceleratorSpec, ...]:
    return tuple(_spec(row) for row in tomllib.loads(_TEXT.read_text("utf-8"))["accelerator"])


def spec_of(name: str) -> AcceleratorSpec:
    return next(spec for spec in specs() if spec.name == name)


def _times(value: float | None, scale: float) -> Any:
    return None if value is None else round(value * scale)


def _spec(row: dict[str, Any]) -> AcceleratorSpec:
    return AcceleratorSpec(
        name=row["name"],
        vendor=row["vendor"],
        segment=row["segment"],
        memory_bytes=_times(row.get("memory_gb"), GIB),
        bandwidth_bytes_per_second=_times(row.get("memory_bandwidth_gb_s"), 1e9),
        fp16_flops=_times(row.get("fp16_tensor_tflops_dense"), 1e12),
        compute_capability=row.get("compute_capability"),
        gfx=row.get("gfx"),
        architecture=row.get("architecture"),
        unified=row["unified"],
        release_year=row.get("release_year"),
        source=row.get("source"),
        confidence=row.get("confidence"),
        fp32_flops=_times(row.get("fp32_tflops"), 1e12),
        memory_kind=row.get("memory_type"),
    )
