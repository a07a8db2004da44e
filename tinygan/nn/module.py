"""Module: a function with parameters, buffers and parts that are modules themselves."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from tinygan.devices import array_module, beside
from tinygan.nn import hooks
from tinygan.nn.evaluation import evaluated
from tinygan.nn.moving import Target, move
from tinygan.nn.parameter import Buffer, Parameter
from tinygan.nn.state import IncompatibleKeys, load
from tinygan.tensor import Tensor

M = TypeVar("M", bound="Module")
Named = Iterator[tuple[str, Any]]


class Module:
    """Base of all layers and models: define ``forward``, set parts as attributes.

    Every attribute that is a `Parameter`, a `Buffer` or a `Module` belongs to the module's state.
    As in PyTorch, a module's own parameters come before those of its parts, each in the order in
    which they were set. What two places share is listed once, except in the `state_dict`.

    ``super().__init__()`` may be called or left out.
    """

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _forward_hooks: list[tuple[Callable, bool]]
    _forward_pre_hooks: list[tuple[Callable, bool]]
    _backward_hooks: list[tuple[Callable, bool]]
    _shows_counts: bool = True  # of parameters, when printed
    # Buffers that older state dicts do not have.
    _may_be_missing: tuple[str, ...] = ()
    _renamed: ClassVar[dict[str, str]] = {}  # names in a state of PyTorch's: names here

    def __new__(cls, *arguments: Any, **options: Any):
        module = super().__new__(cls)
        vars(module).update(
            training=True, _parameters={}, _buffers={}, _modules={}, _not_saved=set(),
            _forward_hooks=[], _forward_pre_hooks=[], _backward_hooks=[],
        )  # fmt: skip
        return module

    def __init__(self) -> None:
        """Nothing is left to do: `__new__` has made the tables of parts."""

    def forward(self, *inputs, **options):
        """What the module computes; a subclass says it."""
        raise NotImplementedError(f"{type(self).__name__}.forward")

    def __call__(self, *inputs, **options):
        if self._forward_hooks or self._forward_pre_hooks or self._backward_hooks:
            return hooks.call(self, inputs, options)
        return self.forward(*inputs, **options)

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> hooks.Handle:
        """``hook(module, inputs, output)`` after each forward; what it returns, unless None,
        replaces the output. The handle that comes back has ``remove()``."""
        return hooks.register(self._forward_hooks, hook, prepend, with_kwargs)

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> hooks.Handle:
        """``hook(module, inputs)`` before each forward; what it returns, unless None, replaces
        the inputs."""
        return hooks.register(self._forward_pre_hooks, hook, prepend, with_kwargs)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> hooks.Handle:
        """``hook(module, grad_input, grad_output)`` when the gradients by the module's positional
        inputs are known; both are tuples, with None for what has no gradient. A tuple that it
        returns takes the place of grad_input. (As of torch.nn.Module.)"""
        return hooks.register(self._backward_hooks, hook, prepend, False)

    register_backward_hook = register_full_backward_hook  # PyTorch's older name

    # Attributes: parameters, buffers and parts lie in tables of their own

    def __getattr__(self, name: str) -> Any:  # called when the usual places have no such name
        for table in ("_parameters", "_buffers", "_modules"):
            entries = self.__dict__[table]
            if name in entries:
                return entries[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        for kind, table in (
            (Parameter, self._parameters), (Module, self._modules), (Buffer, self._buffers),
        ):  # fmt: skip
            if isinstance(value, kind):
                if name not in table:
                    self._forget(name)
                table[name] = value  # type: ignore[assignment]
                if isinstance(value, Buffer) and not value.persistent:
                    self._not_saved.add(name)
                return
        if name in self._parameters:
            self._check_replaced(name, value, "parameter", "nn.Parameter(...)")
            self._parameters[name] = None
        elif name in self._modules:
            self._check_replaced(name, value, "module", "a Module")
            self._modules[name] = None
        elif name in self._buffers:
            if not isinstance(value, Tensor):
                self._check_replaced(name, value, "buffer", "a Tensor")
            self._buffers[name] = value
        else:
            super().__setattr__(name, value)

    def _check_replaced(self, name: str, value: Any, kind: str, wanted: str) -> None:
        if value is not None:
            advice = ""
            if kind == "parameter":
                advice = (
                    f"; to change its values, write ``with no_grad(): x.{name}.copy_(values)``"
                )
            raise TypeError(
                f"{type(self).__name__}.{name} is a {kind}: it can be set to {wanted} or None, "
                f"not to a {type(value).__name__}{advice}"
            )

    def __delattr__(self, name: str) -> None:
        if not self._forget(name):
            super().__delattr__(name)

    def _forget(self, name: str) -> bool:
        """Takes `name` out of whichever table or place holds it; whether one did."""
        self._not_saved.discard(name)
        tables = self._parameters, self._buffers, self._modules, self.__dict__
        found = [table for table in tables if name in table]
        for table in found:
            del table[name]
        return bool(found)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Sets a parameter by its name; None reserves the name."""
        self._register(name, param, Parameter, self._parameters)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Sets a buffer by its name; with persistent=False it is not part of the `state_dict`."""
        self._register(name, tensor, Tensor, self._buffers)
        if not persistent:
            self._not_saved.add(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Sets a part by its name."""
        self._register(name, module, Module, self._modules)

    add_module = register_module

    def _register(self, name: str, value: Any, kind: type, table: dict[str, Any]) -> None:
        what = f"{type(self).__name__}: the name of a {kind.__name__}"
        if not isinstance(name, str):
            raise TypeError(f"{what} must be a string, got {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(f"{what} must not be empty and have no dot, got {name!r}")
        if name not in table and hasattr(self, name):
            raise KeyError(f"{what}: there is an attribute {name!r} already")
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"{what} {name!r} names a {type(value).__name__}")
        if isinstance(value, Tensor) and value.grad_fn is not None:
            raise ValueError(f"{what}: {name!r} was made by an op; register its .detach()")
        table[name] = value

    # The parts

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the direct parts."""
        seen: set[int] = set()
        for name, part in self._modules.items():
            if part is not None and id(part) not in seen:
                seen.add(id(part))
                yield name, part

    def children(self) -> Iterator[Module]:
        """The direct parts."""
        return (part for _, part in self.named_children())

    def named_modules(
        self, memo: set | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """(dotted name, module) of this module, whose name is `prefix`, and all parts."""
        memo = set() if memo is None else memo
        if remove_duplicate and id(self) in memo:
            return
        memo.add(id(self))
        yield prefix, self
        for name, part in self._modules.items():
            if part is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from part.named_modules(memo, path, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all parts, parts of parts, and so on."""
        return (part for _, part in self.named_modules())

    def _named(self, table: str, prefix: str, recurse: bool, remove_duplicate: bool) -> Named:
        parts = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        seen: set[int] = set()
        for path, part in parts if recurse else [(prefix, self)]:
            for name, value in getattr(part, table).items():
                if value is None or (remove_duplicate and id(value) in seen):
                    continue
                seen.add(id(value))
                yield f"{path}.{name}" if path else name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, parameter) of this module and, with `recurse`, all parts."""
        return self._named("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and, with `recurse`, all parts."""
        return (value for _, value in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, buffer) of this module and, with `recurse`, all parts."""
        return self._named("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of this module and, with `recurse`, all parts."""
        return (value for _, value in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The part of a dotted name; "" is the module itself.

        Raises:
            AttributeError: there is none.
        """
        module = self
        for name in target.split(".") if target else []:
            part = getattr(module, name)
            if not isinstance(part, Module):
                raise AttributeError(f"{target!r}: {name!r} of {type(module).__name__} is no part")
            module = part
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of a dotted name.

        Raises:
            AttributeError: there is none.
        """
        return self._get(target, Parameter)

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of a dotted name.

        Raises:
            AttributeError: there is none.
        """
        return self._get(target, Tensor)

    def _get(self, target: str, kind: type) -> Any:
        path, _, name = target.rpartition(".")
        value = getattr(self.get_submodule(path), name)
        if not isinstance(value, kind):
            raise AttributeError(f"{target!r} is a {type(value).__name__}, no {kind.__name__}")
        return value

    def apply(self: M, fn: Callable[[Module], Any]) -> M:
        """Calls `fn` for all parts and then for this module: to set initial values, say."""
        for part in self.children():
            part.apply(fn)
        fn(self)
        return self

    # Modes

    @property
    def training(self) -> bool:
        """Whether the module is in training mode; False inside `evaluation.evaluating`."""
        return self.__dict__["training"] and id(self) not in evaluated.parts

    @training.setter
    def training(self, mode: bool) -> None:
        self.__dict__["training"] = mode

    def train(self: M, mode: bool = True) -> M:
        """Sets training mode (or, with False, evaluation mode) here and in all parts."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode must be True or False, got {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Sets evaluation mode: batch norm uses running statistics, dropout does nothing."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Whether gradients of the parameters are computed; off while the other net trains."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients of all parameters, or fills them with zeros."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                array = parameter.array
                with beside(array):  # in memory of its own, which others may read
                    parameter.grad.array = array_module(array).zeros_like(array)

    def to(self: M, *targets: Target, device: Target = None, dtype: Target = None,
           non_blocking: bool = False) -> M:  # fmt: skip
        """Moves parameters and buffers, with gradients, to a device; floating ones to a dtype.

        ``to("cuda")``, ``to(float64)``, ``to("cuda", float64)``, ``to(x)`` for a tensor x. Copies
        are always complete on return, whatever `non_blocking` says.

        Raises:
            TypeError: the dtype is neither float32 nor float64.
        """
        move(self, targets, device, dtype)
        return self

    def cpu(self: M) -> M:
        """Moves to the memory of the CPU."""
        return self.to("cpu")

    def cuda(self: M, device: Any = None) -> M:
        """Moves to the GPU of this name or number, the first one by default."""
        return self.to("cuda" if device is None else device)

    def float(self: M) -> M:
        """Floating parameters and buffers become float32."""
        return self.to("float32")

    def double(self: M) -> M:
        """Floating parameters and buffers become float64."""
        return self.to("float64")

    def half(self) -> Module:
        """Refused: see `tinygan.autocast`."""
        raise TypeError(
            "half: parameters are float32 or float64; for products in 16 bits write "
            "``with tinygan.autocast('bfloat16'):`` around the forward pass"
        )

    bfloat16 = half

    def type(self: M, dst_type: Target) -> M:
        """Floating parameters and buffers become `dst_type`."""
        return self.to(dtype=dst_type)

    # State

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Tensor]:
        """All parameters and persistent buffers by dotted name, in an OrderedDict.

        As in PyTorch they share the memory of the module, without its graph: for values that do
        not change with it, copy them (``copy.deepcopy``). With `keep_vars` they are the parameters
        themselves.
        """
        state = OrderedDict() if destination is None else destination
        for path, part in self.named_modules(remove_duplicate=False):
            at = prefix + (f"{path}." if path else "")
            for name, value in [*part._parameters.items(), *part._buffers.items()]:
                if value is not None and name not in part._not_saved:
                    state[at + name] = value if keep_vars else value.detach()
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True
    ) -> IncompatibleKeys:
        """Copies the values of a state (Tensors or arrays by dotted name) into this module.

        Returns:
            a named tuple (missing_keys, unexpected_keys).

        Raises:
            StateDictError: a RuntimeError and ValueError. With `strict`, names are missing or
                unexpected; in any case, shapes differ. All are listed, and nothing is changed.
        """
        return load(self, state_dict, strict)

    # Print

    def extra_repr(self) -> str:
        """The options, for the printed form."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        count = sum(parameter.numel() for parameter in self.parameters()) * self._shows_counts
        note = f"  # {count:,} parameters" if count else ""
        head = f"{self._get_name()}({self.extra_repr()}"
        parts = list(self._modules.items())
        if not parts:
            return f"{head}){note}"
        lines = [f"{head}{note}"]
        for name, part in parts:
            first, *rest = repr(part).split("\n")
            lines += [f"  ({name}): {first}", *(f"  {line}" for line in rest)]
        return "\n".join([*lines, ")"])
