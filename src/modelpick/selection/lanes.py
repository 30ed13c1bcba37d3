"""The shelf as lanes: one for each size class, read from its best model down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelpick.selection.bounds import FEWEST_BITS
from modelpick.selection.interface import Needs, Place
from modelpick.selection.scoring import least_quality, most_points_for_size, most_points_for_speed


class Lane:
    """One size class. ``head`` is its best unread place; ``ceiling`` bounds all that is still unread."""

    __slots__ = ("_beside", "_places", "ceiling", "head", "size_class")

    head: Place

    def __init__(self, size_class: int, places: Iterable[Place], needs: Needs) -> None:
        self.size_class = size_class
        self.ceiling = 0.0
        self._places = iter(places)
        smallest = 2 ** max(size_class, 20) * FEWEST_BITS / 8
        speed, size = most_points_for_speed(needs.prefer, None), most_points_for_size(needs.prefer, smallest)
        self._beside = speed + size

    def advance(self) -> bool:
        """Go to the next model of the class; False at its end."""
        head = next(self._places, None)
        if head is None:
            return False
        self.head = head
        self.ceiling = least_quality(head.low) + self._beside
        return True


def best_first(lanes: list[Lane]) -> Iterator[Lane]:
    """The lane whose unread places have the highest ceiling, again and again; its head is to be read each time."""
    while lanes:
        lane = max(lanes, key=lambda one: (one.ceiling, -one.size_class))
        others = max((one.ceiling for one in lanes if one is not lane), default=float("-inf"))
        while True:
            yield lane
            if not lane.advance():
                lanes.remove(lane)
                break
            if lane.ceiling < others:
                break
