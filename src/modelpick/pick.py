"""The pipeline: what the user needs, what the machine is, what the registry knows, and the best answers to all three.

Here, and in ``cli/``, implementations are put together; everything below only knows the others' interfaces.
"""

from __future__ import annotations

import json

from modelpick.estimation.architecture import from_config
from modelpick.estimation.context import max_context
from modelpick.estimation.interface import Architecture, Fit, Misfit, Settings, VariantSpec
from modelpick.estimation.placement import place
from modelpick.estimation.speed import context_of_each, estimate_speed, for_all_users
from modelpick.estimation.speed_bound import most_tokens_per_second
from modelpick.estimation.speed_machine import machine_of
from modelpick.estimation.throughput import throughput_of
from modelpick.hardware.interface import Hardware
from modelpick.quality.loss import quality_loss
from modelpick.registry.layers import Layers
from modelpick.registry.shelf import RegistryShelf
from modelpick.selection.interface import Answer, Candidate, Decide, Entry, Needs
from modelpick.selection.ranking import rank
from modelpick.values import replace

GGUF_TYPES = frozenset(
    {
        "llama", "mistral", "qwen2", "qwen3", "qwen3_moe", "gemma2", "gemma3_text", "phi3", "mixtral", "granite",
        "olmo2", "gpt_neox", "falcon", "mpt",
    }
)  # fmt: skip
"""``model_type`` values that ``modelpick quantise`` converts: weights of these can be made to fit here."""


_NO_CONTEXT = frozenset({"text-to-image", "image-to-image", "speech-to-text", "text-to-speech"})


class Machine:
    """A machine that candidates are placed on; architectures are read once."""

    def __init__(self, hardware: Hardware) -> None:
        self.hardware = hardware
        self._machine = machine_of(hardware)
        self._known: dict[str, Architecture] = {}

    def architecture(self, entry: Entry) -> Architecture:
        """The entry's structure, from its configuration."""
        if entry.slug not in self._known:
            self._known[entry.slug] = from_config(
                json.loads(entry.config or "{}"),
                params_total=entry.params_total,
                params_active=entry.params_active,
                modality=entry.modality,
                context_length=entry.context_length,
            )
        return self._known[entry.slug]

    def assess(self, candidate: Candidate) -> Fit | Misfit:
        """Where a candidate goes and how fast it runs there, or what it lacks."""
        architecture, variant, settings = self.question(candidate)
        together = for_all_users(settings)
        fit = place(architecture, variant, together, self.hardware)
        if isinstance(fit, Misfit):
            return fit
        weights = fit.footprint.weights
        speed = estimate_speed(architecture, variant, together, weights, fit.placement, self.hardware)
        throughput = None
        if speed is None:
            throughput = throughput_of(architecture, candidate.entry.modality, fit.placement, self.hardware)
        return replace(fit, speed=speed, throughput=throughput, settings=settings)

    def fastest(self, params: float, weight_bytes: float, cache_bytes: float = 0.0, layers: float = 0.0) -> float:
        """The most tokens per second here of a model that reads so much for each token."""
        return most_tokens_per_second(self._machine, params, weight_bytes, cache_bytes, layers)

    def longest_context(self, candidate: Candidate) -> int | None:
        """The most context of each user that fits with the same kind of placement, tokens; None for what reads none."""
        if candidate.entry.modality in _NO_CONTEXT:
            return None
        architecture, variant, settings = self.question(candidate)
        together = for_all_users(settings)
        most = max_context(architecture, variant, together, self.hardware)
        return None if most is None else round(context_of_each(replace(together, context=most)))

    def question(self, candidate: Candidate) -> tuple[Architecture, VariantSpec, Settings]:
        """A candidate in the terms of estimation."""
        option = candidate.option
        settings = Settings(
            runtime=option.runtime, context=candidate.context, slots=candidate.users, users=candidate.users
        )
        size = None if option.made_here else option.source.bytes
        return self.architecture(candidate.entry), VariantSpec(option.format, option.quantisation, size), settings


def recommend(registry: Layers, hardware: Hardware, needs: Needs, decide: Decide) -> Answer:
    """The best models for ``needs`` on ``hardware``; without any at a readable speed, the best there are."""
    machine = Machine(hardware)
    shelf = RegistryShelf(registry)

    def search(wanted: Needs) -> Answer:
        return rank(
            shelf,
            wanted,
            hardware,
            decide=decide,
            assess=machine.assess,
            loss=quality_loss,
            gguf_types=GGUF_TYPES,
            fastest=machine.fastest,
        )

    answer = search(needs)
    if not answer.picks and needs.readable and needs.min_speed and "speed" in answer.counts:
        note = "nothing that fits is fast enough to wait for; these come nearest"
        slower = search(replace(needs, min_speed=None, prefer="speed"))
        answer = replace(slower, notes=(note,)) if slower.picks else answer
    picks = tuple(
        replace(pick, fit=replace(pick.fit, max_context=machine.longest_context(pick.candidate)))
        for pick in answer.picks
    )
    return replace(answer, picks=picks)
