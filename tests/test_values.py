"""Our dataclasses against the standard library's: the same behaviour, without its cost at import."""

import copy
import dataclasses
import pickle
import subprocess
import sys
from typing import ClassVar

import pytest

from modelpick import values


def twins(name: str, body: dict[str, object], annotations: dict[str, object], **options: bool) -> tuple[type, type]:
    """The same class by both decorators."""

    def fresh(field) -> type:  # type: ignore[no-untyped-def]
        made = {key: value(field) if callable(value) and key in annotations else value for key, value in body.items()}
        return type(name, (), {"__annotations__": dict(annotations), "__module__": __name__, **made})

    ours = values.dataclass(slots=True, **options)(fresh(values.field))
    theirs = dataclasses.dataclass(slots=True, **options)(fresh(dataclasses.field))
    return ours, theirs


POINT = {"x": int, "y": int, "name": "str | None", "kind": "ClassVar[int]", "tags": "list[str]"}
BODY = {"name": lambda field: None, "kind": 7, "tags": lambda field: field(default_factory=list)}


@pytest.fixture(params=[True, False], ids=["frozen", "not frozen"])
def both(request: pytest.FixtureRequest) -> tuple[type, type]:
    body = {key: value for key, value in BODY.items() if key != "kind"}
    annotations = {key: value for key, value in POINT.items() if key != "kind"}
    return twins("Point", body, annotations, frozen=request.param)


CALLS = [((1, 2), {}), ((1,), {"y": 2, "name": "n"}), ((), {"x": 1, "y": 2, "tags": ["a"]})]


@pytest.mark.parametrize(("args", "kwargs"), CALLS)
def test_making_showing_and_comparing(
    both: tuple[type, type], args: tuple[int, ...], kwargs: dict[str, object]
) -> None:
    ours, theirs = (kind(*args, **kwargs) for kind in both)
    assert repr(ours) == repr(theirs)
    assert ours == both[0](*args, **kwargs)
    assert ours != both[0](9, 9)
    assert ours != theirs
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert [f.name for f in dataclasses.fields(ours)] == [f.name for f in dataclasses.fields(theirs)]
    assert [f.type for f in dataclasses.fields(ours)] == [f.type for f in dataclasses.fields(theirs)]
    assert dataclasses.is_dataclass(ours)


@pytest.mark.parametrize(
    ("args", "kwargs"), [((1,), {}), ((1, 2, 3, [], 5), {}), ((1, 2), {"z": 3}), ((1,), {"x": 1, "y": 2})]
)
def test_wrong_calls_are_refused_alike(both: tuple[type, type], args: tuple[int, ...], kwargs: dict[str, int]) -> None:
    said = []
    for kind in both:
        with pytest.raises(TypeError) as refused:
            kind(*args, **kwargs)
        said.append(str(refused.value))
    assert said[0] == said[1]


@pytest.mark.parametrize(("args", "kwargs"), CALLS)
def test_the_first_instances_and_the_many_after_are_alike(both, args, kwargs) -> None:
    kind = both[0]
    first = kind(*args, **kwargs)
    assert all(kind(*args, **kwargs) == first for _ in range(100))
    with pytest.raises(TypeError):
        kind(1)


def test_defaults_are_not_shared(both: tuple[type, type]) -> None:
    one, other = both[0](1, 2), both[0](1, 2)
    one.tags.append("only here")
    assert other.tags == []


def test_frozen_refuses_like_the_original() -> None:
    for kind in twins("Fixed", {}, {"x": int}, frozen=True):
        one = kind(1)
        with pytest.raises(dataclasses.FrozenInstanceError):
            one.x = 2
        with pytest.raises(dataclasses.FrozenInstanceError):
            del one.x
        with pytest.raises((AttributeError, TypeError)):
            one.unknown = 1
        assert hash(one) == hash(kind(1))
        assert {one: "found"}[kind(1)] == "found"


def test_not_frozen_can_be_changed_and_is_not_hashable() -> None:
    for kind in twins("Open", {}, {"x": int}):
        one = kind(1)
        one.x = 2
        assert one == kind(2)
        with pytest.raises(TypeError):
            hash(one)
        with pytest.raises(AttributeError):
            one.unknown = 1


def test_replace_works_by_both_functions(both: tuple[type, type]) -> None:
    one = both[0](1, 2)
    assert values.replace(one, y=5) == dataclasses.replace(one, y=5) == both[0](1, 5)
    with pytest.raises(TypeError):
        values.replace(one, z=1)


@values.dataclass(frozen=True, slots=True)
class Base:
    first: int
    shared: ClassVar[str] = "class"

    @property
    def double(self) -> int:
        return 2 * self.first


@values.dataclass(frozen=True, slots=True)
class Child(Base):
    second: int = 3


def test_inheritance_properties_and_class_variables() -> None:
    child = Child(1)
    assert (child.first, child.second, child.double, child.shared) == (1, 3, 2, "class")
    assert child == Child(1, 3) != Base(1)
    assert Base(1).double == 2
    assert not hasattr(child, "__dict__")


def test_matching_copying_and_pickling() -> None:
    child = Child(1, 5)
    match child:
        case Child(first, second):
            assert (first, second) == (1, 5)
    assert copy.copy(child) == copy.deepcopy(child) == pickle.loads(pickle.dumps(child)) == child


def test_it_costs_a_fraction_of_the_original_at_import() -> None:
    """Counted in executed code objects, not in seconds: the original compiles several functions a class."""
    program = """
import sys
count = 0
def trace(event, args):
    global count
    count += event == "compile"
{get}
sys.addaudithook(trace)
for number in range(50):
    class C:
        a: int
        b: int = 2
    dataclass(frozen=True, slots=True)(C)
print(count)
"""

    def compiled(get: str) -> int:
        return int(
            subprocess.run([sys.executable, "-c", program.format(get=get)], capture_output=True, text=True).stdout
        )

    assert compiled("from modelpick.values import dataclass") == 0
    assert compiled("from dataclasses import dataclass") >= 50
