"""What torch keeps for the whole process: (name, read, write), where torch is imported."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

Read = Callable[[], Any]
Write = Callable[[Any], None]


def torch_aspects() -> list[tuple[str, Read, Write]]:
    """Settings, modes and generators of torch; nothing where it is not imported, or not to its end."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "get_float32_matmul_precision"):
        return []
    return [*_modes(torch), *_settings(torch), *_generators(torch)]


def _settings(torch: Any) -> list[tuple[str, Read, Write]]:
    cuda, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    return [
        ("torch grad mode", torch.is_grad_enabled, torch.set_grad_enabled),
        ("torch default dtype", torch.get_default_dtype, torch.set_default_dtype),
        ("torch threads", torch.get_num_threads, torch.set_num_threads),
        ("torch deterministic algorithms", lambda: _deterministic(torch), lambda b: _set_deterministic(torch, b)),
        ("torch precision of backends", lambda: _precisions(torch), lambda before: _set_precisions(torch, before)),
        ("torch matmul precision", lambda: _matmul_precision(torch), torch.set_float32_matmul_precision),
        ("torch autocast", lambda: _autocast(torch), lambda before: _set_autocast(torch, before)),
        ("torch anomaly detection", torch.is_anomaly_enabled, torch.set_anomaly_enabled),
        ("torch denormal numbers", lambda: _flushes(torch), torch.set_flush_denormal),
        ("torch mkldnn", torch._C._get_mkldnn_enabled, torch._C._set_mkldnn_enabled),
        ("cudnn flags", lambda: _flags(cudnn), lambda before: _set_flags(cudnn, before)),
        ("cuda TF32", lambda: cuda.allow_tf32, lambda before: setattr(cuda, "allow_tf32", before)),
        ("torch operators", lambda: _operators(torch), lambda before: _drop_operators(torch, before)),
        ("torch saved tensor hooks", lambda: _saved_hooks(torch), lambda before: _pop_saved_hooks(torch, before)),
        ("torch global module hooks", lambda: _hooks(torch), lambda before: _set_hooks(torch, before)),
    ]


_PARTS = ("all", "conv", "rnn", "matmul")
_PRECISIONS = [("generic", "all"), *((backend, part) for backend in ("cuda", "mkldnn") for part in _PARTS)]
"""Backends of torch, and the parts of each that may compute float32 with fewer bits."""


def _precisions(torch: Any) -> dict[tuple[str, str], str]:
    """What ``torch.backends.mkldnn.matmul.fp32_precision`` and its like say; empty before torch 2.9."""
    read = getattr(torch._C, "_get_fp32_precision_getter", None)
    return {one: read(*one) for one in _PRECISIONS} if read is not None else {}


def _set_precisions(torch: Any, before: dict[tuple[str, str], str]) -> None:
    for one, value in before.items():
        torch._C._set_fp32_precision_setter(*one, value)


def _matmul_precision(torch: Any) -> str:
    try:
        return str(torch.get_float32_matmul_precision())
    except RuntimeError:  # a backend was given another one
        return "mixed"


def _deterministic(torch: Any) -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _set_deterministic(torch: Any, before: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(before[0], warn_only=before[1])


def _autocast(torch: Any) -> tuple[Any, ...]:
    devices = ("cpu", "cuda")
    each = [(torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)) for device in devices]
    return (*each, torch.is_autocast_cache_enabled())


def _set_autocast(torch: Any, before: tuple[Any, ...]) -> None:
    for device, (enabled, dtype) in zip(("cpu", "cuda"), before[:2], strict=True):
        torch.set_autocast_enabled(device, enabled)
        torch.set_autocast_dtype(device, dtype)
    torch.set_autocast_cache_enabled(before[2])
    torch.clear_autocast_cache()


def _flushes(torch: Any) -> bool:
    return not bool(torch.tensor(1e-40, dtype=torch.float32, device="cpu") * 1)


_CUDNN = ("enabled", "benchmark", "deterministic", "allow_tf32")


def _flags(cudnn: Any) -> list[Any]:
    return [getattr(cudnn, name) for name in _CUDNN]


def _set_flags(cudnn: Any, before: list[Any]) -> None:
    for name, value in zip(_CUDNN, before, strict=True):
        setattr(cudnn, name, value)


def _hooks(torch: Any) -> dict[str, dict[Any, Any]]:
    held = vars(torch.nn.modules.module).items()
    return {name: dict(value) for name, value in held if name.startswith("_global_") and isinstance(value, dict)}


def _set_hooks(torch: Any, before: dict[str, dict[Any, Any]]) -> None:
    for name, hooks in before.items():
        held = getattr(torch.nn.modules.module, name)
        held.clear()
        held.update(hooks)


def _operators(torch: Any) -> set[str]:
    """What stands in the place of torch's own operators: libraries that a row imports bring others, of their own."""
    return {key for key in torch.library._impls if key.startswith(("aten/", "prims/"))}


def _drop_operators(torch: Any, before: set[str]) -> None:
    """Take away what a plugin put in the place of torch's operators; the library's own handle does it."""
    new = _operators(torch) - before
    libraries = [one for one in gc.get_objects() if type(one) is torch.library.Library]
    for library in libraries:
        if not new.isdisjoint(library._op_impls):
            library._destroy()
    torch.library._impls.difference_update(new)


def _saved_hooks(torch: Any) -> Any:
    return torch._C._autograd._top_saved_tensors_default_hooks(False)


def _pop_saved_hooks(torch: Any, before: Any) -> None:
    while (now := _saved_hooks(torch)) is not None and now != before:
        torch._C._autograd._pop_saved_tensors_default_hooks()


def _modes(torch: Any) -> list[tuple[str, Read, Write]]:
    from torch.overrides import _get_current_function_mode_stack, _pop_mode
    from torch.utils import _python_dispatch

    def pop(count: int, depth: Callable[[], int], pop_one: Callable[[], Any]) -> None:
        while depth() > count:
            pop_one()

    def functions() -> int:
        return len(_get_current_function_mode_stack())

    def dispatches() -> int:
        return len(_python_dispatch._get_current_dispatch_mode_stack())

    return [
        ("torch inference mode", torch.is_inference_mode_enabled, lambda before: _set_inference(torch, before)),
        ("torch function modes", functions, lambda before: pop(before, functions, _pop_mode)),
        ("torch dispatch modes", dispatches, lambda before: pop(before, dispatches, _python_dispatch._pop_mode)),
        ("torch default device", torch.get_default_device, lambda b: torch.set_default_device(_device(b))),
    ]


def _device(before: Any) -> Any:
    return None if before.type == "cpu" else before


_guards: list[Any] = []
"""Left open for good: they set the mode again that a plugin left."""


def _set_inference(torch: Any, before: bool) -> None:
    _guards.append(torch.autograd.grad_mode._enter_inference_mode(before))


def _generators(torch: Any) -> list[tuple[str, Read, Write]]:
    found: list[tuple[str, Read, Write]] = [
        ("generator of torch", lambda: torch.get_rng_state().numpy().tobytes(), lambda b: _set_generator(torch, b))
    ]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        found.append(
            (
                "generators of cuda",
                lambda: [state.cpu().numpy().tobytes() for state in torch.cuda.get_rng_state_all()],
                lambda before: torch.cuda.set_rng_state_all([_tensor(torch, one) for one in before]),
            )
        )
    return found


def _tensor(torch: Any, content: bytes) -> Any:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def _set_generator(torch: Any, before: bytes) -> None:
    torch.set_rng_state(_tensor(torch, before))
