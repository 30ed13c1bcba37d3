"""Image pipelines whose parts take turns on the GPU: each is fetched from the host when its step comes.

That is what diffusers' ``enable_model_cpu_offload`` does: text encoders, denoiser and decoder never run together, so
the device holds the largest of them at a time, and the host holds all.
"""

from __future__ import annotations

from modelpick.estimation.capacity import Room
from modelpick.estimation.footprint import Parts
from modelpick.estimation.interface import Architecture, PoolUse


def turn_uses(architecture: Architecture, parts: Parts, room: Room, host_available: int) -> tuple[PoolUse, ...] | None:
    """What the device and the host hold; None where the pipeline's parts are not known."""
    pipeline = architecture.diffusion
    if pipeline is None:
        return None
    sizes = (pipeline.denoiser_params, pipeline.text_encoder_params, pipeline.vae_params)
    weights = parts.weights.file
    largest = weights * max(sizes) // max(sum(sizes), 1)
    device = PoolUse(
        pool=room.pool,
        device=room.device.index,
        required_bytes=largest + parts.compute + room.context,
        available_bytes=room.available,
        layers=0,
        weights_bytes=largest,
        compute_bytes=parts.compute,
        overhead_bytes=room.context,
    )
    host = PoolUse("host", None, weights, host_available, 0, weights_bytes=weights)
    return device, host
