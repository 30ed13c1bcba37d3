"""Licence questions of a download: what the registry says, what the live card says, what the policy makes of both."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modelpick.errors import PolicyError
from modelpick.licensing.interface import Asker, Card, Decision, Verdict
from modelpick.registry.interface import ModelFacts
from modelpick.values import dataclass, replace

if TYPE_CHECKING:
    from modelpick.cli.asker_options import PolicyChoice
    from modelpick.registry.reader import Registry


@dataclass(frozen=True, slots=True)
class Licensed:
    """By the registry, by the live card, and the policy's decision on what counts."""

    registry: Verdict | None
    live: Verdict | None
    decision: Decision
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The verdict that counts: the live card's where it was judged."""
        verdict = self.live or self.registry
        assert verdict is not None
        return verdict


class Judge:
    """Judges cards with the registry's lineage and asks the policy.

    Where no policy was ``chosen`` the built-in ``permissive`` decides, and ``accepted`` terms pass what it refuses;
    a policy that the user or the company chose is never overruled.
    """

    def __init__(
        self, registry: Registry, policy: PolicyChoice, asker: Asker, *, chosen: bool = False, accepted: bool = False
    ) -> None:
        from modelpick.licensing.rows import Verdicts, catalogue_of

        self._catalogue = catalogue_of(registry)
        self._verdicts = Verdicts(registry, self._catalogue)
        self._policy = policy.load(self._catalogue)
        self._asker, self._chosen, self._accepted = asker, chosen, accepted

    def known(self, facts: ModelFacts) -> Licensed:
        """The registry's verdict.

        :raises PolicyError: when the policy refuses it, with the clause.
        """
        from modelpick.licensing.serialise import from_json

        verdict = from_json(facts.model.verdict)
        return Licensed(
            verdict, None, self._decide(verdict, f"`modelpick license explain {facts.model.slug}` says why")
        )

    def live(self, card: Card, known: Licensed | None, facts: ModelFacts | None = None) -> Licensed:
        """The card of the repository as it is now, beside what the registry says.

        A card that declares nothing changes nothing. One that is looser or other than the registry is said; a
        stricter one stops. Of a copy that names no parent the registry does: it lists the copy under its model.

        :raises PolicyError: when the policy refuses the live card, or the card is stricter than the registry.
        """
        from modelpick.licensing.judge import judge

        if facts and not card.base_models and card.name.lower() != (facts.model.hf_repo or "").lower():
            card = replace(card, base_models=((facts.model.hf_repo or facts.model.slug, "quantized"),))
        verdict = judge(card, self._verdicts.resolve, self._catalogue)
        if known is None or known.registry is None:
            return Licensed(None, verdict, self._decide(verdict, f"read the card of {card.name}"))
        if not verdict.declared_licenses and set(verdict.binding_licenses) <= {"unknown"}:
            note = f"the card of {card.name} declares no licence; the registry's verdict stands"
            return Licensed(known.registry, None, known.decision, (note,))
        decision = self._decide(verdict, f"read the card of {card.name}")
        return Licensed(known.registry, verdict, decision, self._compared(known.registry, verdict, card.name))

    def _compared(self, registry: Verdict, live: Verdict, name: str) -> tuple[str, ...]:
        from modelpick.licensing.catalogue import COMMERCIAL_ORDER

        before, now = COMMERCIAL_ORDER[registry.commercial_use], COMMERCIAL_ORDER[live.commercial_use]
        told = f"the card of {name} says {_terms(live)}, the registry {_terms(registry)}"
        if now > before:
            if not self._accepted:
                raise PolicyError(
                    f"{told}: the licence is stricter than when it was checked. {live.reason}",
                    hint="read it on the model's page; `--accept-license` goes on if the policy allows it",
                    details={"registry": registry.commercial_use, "card": live.commercial_use},
                )
            return (f"{told}: stricter, and accepted",)
        if now < before:
            return (f"{told}: looser than when it was checked",)
        if set(live.binding_licenses) != set(registry.binding_licenses):
            return (told,)
        return ()

    def _decide(self, verdict: Verdict, hint: str) -> Decision:
        from modelpick.licensing.decide import decide

        decision = decide(verdict, self._policy, self._asker, today=datetime.now(UTC).date())
        if decision.allowed or (self._accepted and not self._chosen):
            return decision
        if not self._chosen:
            hint = f"{hint}; if the terms suit your use, read them and add --accept-license"
        raise PolicyError(
            f"{verdict.model}: refused by the policy {decision.policy}: {decision.clause}",
            hint=hint,
            details={"policy": decision.policy, "clause": decision.clause, "commercial_use": decision.commercial_use},
        )


def _terms(verdict: Verdict) -> str:
    named = " and ".join(verdict.binding_licenses or verdict.declared_licenses) or "nothing"
    return f"{named} (commercial use: {verdict.commercial_use})"
