"""A method in a process of its own: ``python -m vlbench.runs.method_process``.

The child makes the artifact and writes it to a folder of the parent's; students are trained and scored by the parent,
where the method never was. A child that dies, hangs or writes something else is an error with its reason.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.errors import ArtifactError, DivergedError, VlbenchError
from vlbench.files import write_whole
from vlbench.offline import offline
from vlbench.runs.child import asked_of_child, how_it_ended, job_of, request_of
from vlbench.runs.jobs import Job
from vlbench.runs.method_call import Condensed, MethodQuitError, plain, run_method
from vlbench.visible import cause_of, text_of

if TYPE_CHECKING:
    from vlbench.runs.observers import ObserverGroup
    from vlbench.runs.session import Session

ABOUT = "about.json"
LARGEST = 1 << 26
"""Bytes of what a child may say beside its artifact."""
LONGEST_LINE = 1 << 16
POLL_S = 0.5
Event = list[Any]


def in_own_process(session: Session, job: Job, folder: Path) -> Condensed:
    """Run a method in a child process and read what it made.

    Raises:
        DivergedError, VlbenchError: as the method raised them there.
        MethodQuitError: it raised something else, its process died, or it took longer than ``request.time_limit_s``.
    """
    import torch

    with tempfile.TemporaryDirectory(prefix="vlbench-method-") as name:
        source, target = os.pipe()
        try:
            asked = asked_of_child(job, session.request, session.registry.plugin_files) | {
                "folder": str(folder.resolve()),
                "made": name,
                "events": target,
                "threads": torch.get_num_threads(),
            }
            words = [sys.executable, "-m", "vlbench.runs.method_process", json.dumps(asked, default=str)]
            child = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=2, pass_fds=(target,), start_new_session=True
            )  # fmt: skip
            os.close(target)
            began = time.monotonic()
            try:
                _follow(child, source, session.observer, session.request.time_limit_s)
            finally:
                _end(child)
        finally:
            os.close(source)
        return _read(Path(name), child.returncode, time.monotonic() - began)


def _follow(child: subprocess.Popen[bytes], source: int, observer: ObserverGroup, limit_s: float) -> None:
    """Pass on what the child tells of its progress, until it ends."""
    began, rest = time.monotonic(), b""
    while True:
        ended = child.poll() is not None
        ready, _, _ = select.select([source], [], [], 0 if ended else POLL_S)
        content = os.read(source, LONGEST_LINE) if ready else b""
        *lines, rest = (rest + content).split(b"\n")
        for line in lines:
            _tell(observer, line)
        rest = rest[:LONGEST_LINE]
        if ended and not content:
            return
        if ready and not content:  # it closed its end
            time.sleep(POLL_S / 10)
        if limit_s and time.monotonic() - began > limit_s:
            raise MethodQuitError(
                f"the method was stopped after {limit_s:g} s (--time-limit). Its last checkpoint is kept; "
                "raise --time-limit to go on from there."
            )


def _tell(observer: ObserverGroup, line: bytes) -> None:
    with contextlib.suppress(ValueError, TypeError):  # a line that is none of ours
        kind, *rest = json.loads(line)
        if kind == "phase" and len(rest) == 3 and (rest[1] is None or isinstance(rest[1], int)):
            observer.phase(str(rest[0]), rest[1], str(rest[2]))
        elif kind == "advance" and len(rest) == 2 and isinstance(rest[0], int):
            observer.advance(rest[0], str(rest[1]))
        elif kind == "step" and len(rest) == 3 and isinstance(rest[1], int):
            observer.step(str(rest[0]), rest[1], float(rest[2]))
        elif kind in ("done", "message") and len(rest) == 1:
            getattr(observer, kind)(str(rest[0]))


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child, and whatever it started and left running."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _read(made: Path, code: int, wall_s: float) -> Condensed:
    from vlbench.artifacts.artifact import load_artifact

    about = _about(made / ABOUT, code)
    if error := about.get("error"):
        kind, message, trace = (str(part) for part in error)
        if kind == "diverged":
            raise DivergedError(message)
        if kind == "expected":
            raise VlbenchError(message)
        failed = MethodQuitError(message)
        failed.add_note(trace)
        raise failed
    before_s = max(0.0, float(about["before_s"]))
    return Condensed(
        artifact=plain(load_artifact(made)),
        seconds=min(max(0.0, float(about["seconds"])), before_s + wall_s),
        before_s=before_s,
        peak_bytes=max(0, int(about["peak_bytes"])),
        device_peak_bytes=None if about["device_peak_bytes"] is None else max(0, int(about["device_peak_bytes"])),
        device_busy=_number(about["device_busy"], most=1.0),
        step_s=_number(about["step_s"], most=wall_s),
        curves={str(name): [float(value) for value in values] for name, values in about["curves"].items()},
        settings=_settings(about["settings"]),
        warnings=[str(text)[:1000] for text in about["warnings"]],
    )


def _number(found: Any, *, most: float) -> float | None:
    return None if found is None else min(max(0.0, float(found)), most)


def _settings(found: dict[str, Any]) -> dict[str, str | int | float | bool | None]:
    return {str(name): value for name, value in found.items() if isinstance(value, str | int | float | bool | None)}


def _about(path: Path, code: int) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST:
            raise ArtifactError(f"the method's process wrote more than {LARGEST:,} bytes beside its artifact.")
        about = json.loads(path.read_bytes(), parse_constant=_refuse)
        if not isinstance(about, dict):
            raise ValueError("no object")
    except (OSError, ValueError) as error:
        raise MethodQuitError(f"the method's process {how_it_ended(code)} before the method returned.") from error
    return about


def _refuse(name: str) -> float:
    raise ValueError(f"it holds {name}")


class _Sender:
    """The observer of the child: a line of JSON for each call."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def _send(self, *event: object) -> None:
        with contextlib.suppress(OSError):
            os.write(self._descriptor, json.dumps(event).encode()[: LONGEST_LINE - 1] + b"\n")

    def phase(self, name: str, total: int | None = None, detail: str = "") -> None:
        self._send("phase", name, total, detail)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._send("advance", steps, note)

    def step(self, name: str, step: int, value: float) -> None:
        self._send("step", name, step, value)

    def done(self, message: str = "") -> None:
        self._send("done", message)

    def message(self, text: str) -> None:
        self._send("message", text)


@contextlib.contextmanager
def _told(made: Path) -> Iterator[None]:
    """Errors go to the parent as text."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        kind = "diverged" if isinstance(error, DivergedError) else "expected"
        text = text_of(error)
        if not isinstance(error, VlbenchError):
            kind = "other"
            text = text if isinstance(error, MethodQuitError) else cause_of(error)
        about = {"error": [kind, text, traceback.format_exc()]}
        write_whole(made / ABOUT, json.dumps(about).encode())


def main(text: str) -> None:
    """Run the method that the parent asks for."""
    import torch

    from vlbench.artifacts.artifact import save_artifact
    from vlbench.registry.loader import load_registry
    from vlbench.runs.session import Session

    asked = json.loads(text)
    made, request = Path(asked["made"]), dataclasses.replace(request_of(asked), isolate=False, log=())
    torch.set_num_threads(asked["threads"])
    with offline() if asked["offline"] else nullcontext(), _told(made):
        registry = load_registry(asked["plugin_files"])
        registry.forget("observer")  # the parent reports to them
        session = Session(registry, request, _Sender(asked["events"]))
        found = run_method(session, job_of(asked, registry), Path(asked["folder"]))
        save_artifact(found.artifact, made)
        plain_fields = {
            field.name: getattr(found, field.name) for field in dataclasses.fields(found) if field.name != "artifact"
        }
        write_whole(made / ABOUT, json.dumps(plain_fields).encode())


if __name__ == "__main__":
    main(sys.argv[1])
