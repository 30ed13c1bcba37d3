"""Models that are not language models with known layers: speech, image generation, and those of unknown shape.

These are coarser than the rest, and their ranges say so. All sizes are bytes.
"""

from __future__ import annotations

from modelpick.estimation.interface import Architecture, Settings, Speech
from modelpick.units import MIB
from modelpick.values import dataclass


@dataclass(frozen=True, slots=True)
class Other:
    """Cache and compute with the factors they may be off by."""

    cache: int
    compute: int
    low: float
    high: float
    notes: tuple[str, ...]


def speech_parts(speech: Speech, settings: Settings) -> Other:
    """An encoder-decoder for speech: cross-attention over 30 seconds, self-attention over the text."""
    cross = 2 * speech.decoder_layers * speech.source_positions * speech.hidden * 2
    itself = 2 * speech.decoder_layers * speech.target_positions * speech.hidden * 2
    frames = 2 * speech.source_positions
    encoder = 4 * (
        frames * speech.mel_bins
        + frames * speech.hidden
        + speech.source_positions * (speech.ffn + 6 * speech.hidden)
        + speech.heads * speech.source_positions**2
    )
    logits = 4 * speech.vocab * 8
    note = "one window of 30 seconds at a time; beams and batches multiply the cache"
    return Other((cross + itself) * max(settings.users, 1), encoder + logits, 0.6, 2.0, (note,))


def diffusion_parts(architecture: Architecture, settings: Settings) -> Other:
    """The working memory of an image pipeline: the decoder of the last step is the widest part.

    About 4 KiB per pixel for an untiled autoencoder in 16 bits, half to a sixteenth of that when tiled.
    """
    del settings
    known = architecture.diffusion
    edge = known.resolution if known else 1024
    compute = 4096 * edge * edge
    notes = [f"for one image of {edge} x {edge}; less with tiled decoding or with parts moved to the host in turn"]
    if known is None:
        notes.append("the pipeline's parts are unknown: text encoders may come on top")
    return Other(0, compute, 0.25, 1.3 if known else 2.5, tuple(notes))


def plain_parts(architecture: Architecture, settings: Settings) -> Other:
    """A model whose layers are unknown: cache and compute by its parameter count alone, a wide guess."""
    billions = (architecture.params_total or 1_000_000_000) / 1e9
    missing = ", ".join(architecture.missing) or "dimensions"
    note = f"not in the configuration: {missing}; cache and buffers are guessed from the parameter count"
    compute = round(100 * MIB + 60 * MIB * billions**0.5)
    if architecture.kind != "decoder":
        return Other(0, compute, 0.3, 3.0, (note,))
    per_token = 48 * 1024 * billions**0.45
    return Other(round(per_token * settings.context), compute, 0.15, 3.0, (note,))
