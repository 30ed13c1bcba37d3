"""The licence decision on registry models: verdicts are read when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelpick.cli.asker_options import PolicyChoice
from modelpick.licensing.decide import decide
from modelpick.licensing.interface import Asker, Decision, Verdict
from modelpick.licensing.policy import BUILT_IN
from modelpick.licensing.serialise import from_json
from modelpick.registry.layers import Layers
from modelpick.selection.interface import Answer, Entry
from modelpick.values import replace

if TYPE_CHECKING:
    from datetime import date

    from modelpick.cli.needs_options import NeedsOptions
    from modelpick.selection.interface import Needs


_ALLOWED = Decision(True, "yes", "", "permissive")


def _today() -> date:
    from datetime import date

    return date.today()


class Decider:
    """What a policy says of each model for whoever is asking."""

    def __init__(self, registry: Layers, choice: PolicyChoice, asker: Asker) -> None:
        catalogue = None
        if choice.needs_catalogue:
            from modelpick.licensing.rows import catalogue_of
            from modelpick.registry.reader import Registry

            catalogue = catalogue_of(Registry(registry.layers))
        self.policy = choice.load(catalogue)
        self._registry = registry
        self._asker = asker
        self._today = _today() if self.policy.exceptions else None
        self._verdicts: dict[str, Verdict] = {}

    @property
    def shelf_policy(self) -> str:
        """The part of the shelf to read: that of a built-in policy, or all of it. A file may use any name."""
        built_in = BUILT_IN.get(self.policy.name) is self.policy
        return self.policy.name if built_in and self.policy.name in ("permissive", "commercial") else "any"

    def question(self, asked: NeedsOptions, models: tuple[str, ...] = (), **changes: Any) -> Needs:
        """What was asked, under this policy: the part of the shelf to read, and whether names matter on it."""
        return asked.needs(self.shelf_policy, models, by_name=bool(self.policy.exceptions), **changes)

    def verdict(self, slug: str) -> Verdict:
        """The verdict that the registry keeps for a model."""
        if slug not in self._verdicts:
            layer = self._registry.layer_of(slug)
            assert layer is not None
            self._verdicts[slug] = from_json(layer.execute("SELECT verdict FROM model WHERE slug = ?", (slug,))[0][0])
        return self._verdicts[slug]

    def decision(self, slug: str) -> Decision:
        """Whether the policy lets whoever asks use the model, and the clause that decides."""
        return decide(self.verdict(slug), self.policy, self._asker, today=self._today)

    def __call__(self, entry: Entry) -> Decision:
        """As :meth:`decision`, for a shelf entry.

        What stands on the permissive shelf was allowed to anyone when the registry was built: while the search goes on
        nothing more is asked, and :meth:`decision` gives a pick its clause.
        """
        return _ALLOWED if self.shelf_policy == "permissive" else self.decision(entry.slug)

    def with_clauses(self, answer: Answer) -> Answer:
        """The answer with each pick's own decision."""
        picks = tuple(replace(pick, decision=self.decision(pick.candidate.entry.slug)) for pick in answer.picks)
        return replace(answer, picks=picks)
