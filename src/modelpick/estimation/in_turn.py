"""Image pipelines whose parts take turns on the GPU: each is fetched from the host when its step comes.

That is what diffusers' ``enable_model_cpu_offload`` does: text encoders, denoiser and decoder never run together, so
the device holds the largest of them at a time with what it works in, and the host holds all.
https://huggingface.co/docs/diffusers/optimization/memory#model-offloading
"""

from __future__ import annotations

from modelpick.estimation.capacity import Room
from modelpick.estimation.footprint import Parts
from modelpick.estimation.interface import Architecture, Diffusion, PoolUse

_DENOISING = 0.25
"""What a denoiser works in, as a part of the decoder's memory: about 1 KiB per pixel with guidance.

FLUX.1's transformer took 0.47 GiB above its weights at 1024 x 1024 without guidance, half of that:
https://huggingface.co/datasets/diffusers/benchmarks. Others are taken to be alike.
"""


def turn_uses(architecture: Architecture, parts: Parts, room: Room, host_available: int) -> tuple[PoolUse, ...] | None:
    """What the device and the host hold; None where the pipeline's parts are not known."""
    pipeline = architecture.diffusion
    if pipeline is None:
        return None
    weights = parts.weights.file
    held, working = max(_turns(pipeline, weights, parts.compute), key=sum)
    device = PoolUse(
        pool=room.pool,
        device=room.device.index,
        required_bytes=held + working + room.context,
        available_bytes=room.available,
        layers=0,
        weights_bytes=held,
        compute_bytes=working,
        overhead_bytes=room.context,
    )
    host = PoolUse("host", None, weights, host_available, 0, weights_bytes=weights)
    return device, host


def _turns(pipeline: Diffusion, weights: int, decoding: int) -> tuple[tuple[int, int], ...]:
    """Of each part its weights and what it works in, bytes: text encoders, denoiser, decoder."""
    per_param = weights / max(pipeline.params, 1)
    denoising = round(_DENOISING * decoding)
    return (
        (round(pipeline.text_encoder_params * per_param), denoising // 4),
        (round(pipeline.denoiser_params * per_param), denoising),
        (round(pipeline.vae_params * per_param), decoding),
    )
