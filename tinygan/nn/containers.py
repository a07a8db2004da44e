"""Lists and dicts of modules and of parameters, whose entries belong to the module's state."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tinygan.nn.module import Module
from tinygan.nn.parameter import Parameter
from tinygan.tensor import Tensor

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList"]


class _Numbered(Module):
    """What Sequential and ModuleList share: parts whose names are 0, 1, 2, ..."""

    def _check(self, index: int, part: Any) -> None:
        if not isinstance(part, Module):
            raise TypeError(
                f"{self._get_name()}: part {index} is a {type(part).__name__}, not a Module"
            )

    def _name(self, index: Any) -> str:
        """The name of the part at an index, which may be negative."""
        index = operator.index(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self._get_name()}: index {index} is out of range of {len(self)}")
        return list(self._modules)[index]

    def _set(self, parts: list[Module | None]) -> None:
        self._modules.clear()
        self._modules.update((str(number), part) for number, part in enumerate(parts))

    def _some(self, parts: dict[str, Module | None]) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.isdigit()]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._some(dict(list(self._modules.items())[index]))
        return self._modules[self._name(index)]

    def __setitem__(self, index: int, part: Module) -> None:
        name = self._name(index)
        self._check(index, part)
        self._modules[name] = part

    def __delitem__(self, index: int | slice) -> None:
        names = list(self._modules)[index] if isinstance(index, slice) else [self._name(index)]
        for name in names:
            del self._modules[name]
        if all(name.isdigit() for name in self._modules):
            self._set(list(self._modules.values()))

    def append(self, module: Module) -> Any:
        self._check(len(self), module)
        self._modules[str(len(self))] = module
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        for part in list(modules):
            self.append(part)
        return self

    def insert(self, index: int, module: Module) -> Any:
        self._check(index, module)
        parts = list(self._modules.values())
        parts.insert(index, module)
        self._set(parts)
        return self

    def pop(self, key: int = -1) -> Module:
        part = self[key]
        del self[key]
        return part


class ModuleList(_Numbered):
    """A list of modules. It has no forward: call the parts."""

    def __init__(self, modules: Iterable[Module] = ()):
        self.extend(modules or ())

    def _some(self, parts: dict[str, Module | None]) -> ModuleList:
        return type(self)(part for part in parts.values() if part is not None)

    def __iadd__(self, modules: Iterable[Module]) -> ModuleList:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return type(self)([*self, *other])


class ModuleDict(Module):
    """A dict of modules by name. It has no forward: call the parts."""

    def __init__(
        self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None
    ):
        self.update(modules or {})

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def keys(self):
        return self._modules.keys()

    def values(self):
        return self._modules.values()

    def items(self):
        return self._modules.items()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        for name, part in dict(modules).items():
            self[name] = part

    def pop(self, key: str) -> Any:
        return self._modules.pop(key)

    def clear(self) -> None:
        self._modules.clear()


def _parameter(value: Any) -> Any:
    """A plain tensor becomes a parameter, as PyTorch's lists do it."""
    return Parameter(value) if type(value) is Tensor else value


class ParameterList(Module):
    """A list of parameters; tensors become parameters."""

    def __init__(self, values: Iterable[Any] | None = None):
        self.extend(values or ())

    def _name(self, index: Any) -> str:
        index = operator.index(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"ParameterList: index {index} is out of range of {len(self)}")
        return str(index % len(self))

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._parameters.values())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._parameters[self._name(index)]

    def __setitem__(self, index: int, value: Any) -> None:
        self._put(self._name(index), value)

    def _put(self, name: str, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"ParameterList: entry {name} is a {type(value).__name__}, no Tensor")
        self._parameters[name] = _parameter(value)

    def append(self, value: Any) -> ParameterList:
        self._put(str(len(self)), value)
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        for value in list(values):
            self.append(value)
        return self

    __iadd__ = extend


class ParameterDict(Module):
    """A dict of parameters by name; tensors become parameters."""

    def __init__(self, parameters: Any = None):
        self.update(parameters or {})

    def __getitem__(self, key: str) -> Any:
        return self._parameters[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.register_parameter(key, _parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._parameters[key]

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __contains__(self, key: str) -> bool:
        return key in self._parameters

    def keys(self):
        return self._parameters.keys()

    def values(self):
        return self._parameters.values()

    def items(self):
        return self._parameters.items()

    def update(self, parameters: Any) -> None:
        for name, value in dict(parameters).items():
            self[name] = value
