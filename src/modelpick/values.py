"""Frozen, slotted dataclasses that cost nothing until they are used.

The standard library's decorator compiles half a dozen methods for every class when its module is imported: for the
hundred classes behind one answer that took a third of its time. This one has the same call and the same behaviour
for the options that are used here, but writes a class's ``__init__`` when the first instance is made, and shares the
other methods. The standard library's own functions (``fields``, ``asdict``, ``replace``) work on the result.
``tests/test_values.py`` holds it against the original.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any


class _Field:
    """The default of a field, or what makes one anew for each instance."""

    __slots__ = ("default", "default_factory")

    def __init__(self, *, default: Any = ..., default_factory: Any = None) -> None:
        self.default = default
        self.default_factory = default_factory


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
else:
    field = _Field

    def dataclass(*, frozen: bool = False, slots: bool = True) -> Any:
        """A decorator; see the module. Classes are always slotted and compare by their fields."""

        def decorate(cls: type) -> type:
            return _made(cls, frozen)

        return decorate

    def replace(value: Any, /, **changes: Any) -> Any:
        """A copy with some fields changed."""
        kind = type(value)
        for name in kind.__match_args__:
            if name not in changes:
                changes[name] = getattr(value, name)
        return kind(**changes)


_NOT_KEPT = ("__dict__", "__weakref__")


def _made(cls: type, frozen: bool) -> type:
    names: list[str] = []
    defaults: dict[str, Any] = {}
    for base in reversed(cls.__mro__[1:]):
        names += getattr(base, "__own_fields__", ())
        defaults |= getattr(base, "__defaults_of_fields__", {})
    body = {name: value for name, value in cls.__dict__.items() if name not in _NOT_KEPT}
    own = [name for name, kind in body.get("__annotations__", {}).items() if "ClassVar" not in str(kind)]
    for name in own:
        if name in body:
            defaults[name] = body.pop(name)
    names += own
    body["__slots__"] = tuple(own)
    body["__own_fields__"] = tuple(own)
    body["__defaults_of_fields__"] = defaults
    body["__match_args__"] = tuple(names)
    body["__dataclass_fields__"] = _FieldsLater()
    body.setdefault("__eq__", _eq_of(names))
    body.setdefault("__repr__", _repr)
    body.setdefault("__hash__", _hash_of(names) if frozen else None)
    body["__getstate__"] = _getstate
    body["__setstate__"] = _setstate
    if frozen:
        body["__setattr__"] = body["__delattr__"] = _refuse
    if "__init__" not in body:
        body["__init__"] = _init_later(frozen)
    made = type(cls)(cls.__name__, cls.__bases__, body)
    made.__qualname__ = cls.__qualname__
    return made


def _init_later(frozen: bool) -> Any:
    """``__init__`` by a loop for the first instances, and as the standard library writes it for those that follow.

    Most classes of one answer have a handful of instances: compiling a method for them costs more than it saves.
    """
    made: dict[type, int] = {}
    plans: dict[type, Any] = {}

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        kind = type(self)
        count = made[kind] = made.get(kind, 0) + 1
        plan = plans.get(kind)
        if plan is None:
            plan = plans[kind] = None if hasattr(kind, "__post_init__") else _plan_of(kind)
        if count > _FEW or not plan or not _filled(self, plan, args, kwargs):
            # What the loop cannot fill is a wrong call, and is refused in the original's words.
            init = _compiled(kind)
            kind.__init__ = init
            init(self, *args, **kwargs)

    return __init__


_FEW = 40
_REQUIRED = object()


def _plan_of(kind: type) -> tuple[tuple[str, Any, Any], ...]:
    """Of each field its name, its slot's setter and its default."""
    defaults: dict[str, Any] = kind.__defaults_of_fields__  # type: ignore[attr-defined]
    names: tuple[str, ...] = kind.__match_args__  # type: ignore[attr-defined]
    return tuple((name, _slot_of(kind, name).__set__, defaults.get(name, _REQUIRED)) for name in names)


def _filled(self: Any, plan: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Set all fields; False when the arguments do not fit them."""
    given, used = len(args), 0
    if given > len(plan):
        return False
    for place, (name, put, default) in enumerate(plan):
        if place < given:
            value = args[place]
        elif name in kwargs:
            value = kwargs[name]
            used += 1
        elif default is _REQUIRED:
            return False
        elif isinstance(default, _Field):
            value = default.default_factory() if default.default_factory else default.default
        else:
            value = default
        put(self, value)
    return used == len(kwargs)


def _compiled(kind: type) -> Any:
    """``__init__`` as the standard library writes it, with the slots' own setters."""
    names: tuple[str, ...] = kind.__match_args__  # type: ignore[attr-defined]
    defaults: dict[str, Any] = kind.__defaults_of_fields__  # type: ignore[attr-defined]
    scope: dict[str, Any] = {}
    parameters, lines = [], []
    for name in names:
        scope[f"_set_{name}"] = _slot_of(kind, name).__set__
        value = name
        default = defaults.get(name, ...)
        if isinstance(default, _Field) and default.default_factory is not None:
            scope[f"_make_{name}"] = default.default_factory
            parameters.append(f"{name}=_missing")
            value = f"_make_{name}() if {name} is _missing else {name}"
        elif default is ...:
            parameters.append(name)
        else:
            scope[f"_default_{name}"] = default.default if isinstance(default, _Field) else default
            parameters.append(f"{name}=_default_{name}")
        lines.append(f"    _set_{name}(self, {value})")
    scope["_missing"] = object()
    if hasattr(kind, "__post_init__"):
        lines.append("    self.__post_init__()")
    code = f"def __init__(self{''.join(f', {each}' for each in parameters)}):\n" + "\n".join(lines or ["    pass"])
    exec(code, scope)
    init = scope["__init__"]
    init.__qualname__ = f"{kind.__qualname__}.__init__"
    return init


def _slot_of(kind: type, name: str) -> Any:
    return next(base.__dict__[name] for base in kind.__mro__ if name in base.__dict__)


def _eq_of(names: list[str]) -> Any:
    values: Any = attrgetter(*names) if names else lambda _: ()

    def __eq__(self: Any, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return values(self) == values(other)

    return __eq__


def _hash_of(names: list[str]) -> Any:
    values: Any = attrgetter(*names) if len(names) > 1 else lambda self: tuple([getattr(self, name) for name in names])

    def __hash__(self: Any) -> int:
        return hash(values(self))

    return __hash__


def _repr(self: Any) -> str:
    inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
    return f"{type(self).__qualname__}({inside})"


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self.__match_args__]


def _setstate(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__match_args__, state, strict=True):
        object.__setattr__(self, name, value)


def _refuse(self: Any, name: str, *value: Any) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot {'assign to' if value else 'delete'} field {name!r}")


class _FieldsLater:
    """``__dataclass_fields__``, made by the standard library from a twin when somebody asks."""

    def __get__(self, instance: object, owner: type) -> Any:
        import dataclasses

        twin = type(owner.__name__, (), {"__annotations__": {}, "__module__": owner.__module__})
        annotations: dict[str, Any] = {}
        for base in reversed(owner.__mro__):
            annotations |= vars(base).get("__annotations__", {})
        for name in owner.__match_args__:  # type: ignore[attr-defined]
            twin.__annotations__[name] = annotations[name]
            default = owner.__defaults_of_fields__.get(name, ...)  # type: ignore[attr-defined]
            if isinstance(default, _Field) and default.default_factory is not None:
                setattr(twin, name, dataclasses.field(default_factory=default.default_factory))
            elif default is not ...:
                setattr(twin, name, default.default if isinstance(default, _Field) else default)
        made = dataclasses.dataclass(twin).__dataclass_fields__  # type: ignore[attr-defined]
        owner.__dataclass_fields__ = made  # type: ignore[attr-defined]
        return made
