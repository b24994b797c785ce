"""What the jobs of one command share: protocol, data, students, evaluators."""

from __future__ import annotations

import contextlib
import copy
import json
import platform
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.cache import Cache
from vlbench.data import survey
from vlbench.data.folders import remembered_folder
from vlbench.data.lent import LentItems
from vlbench.data.pairs import PairDataset, as_dataset
from vlbench.data.views import TrainView
from vlbench.disk.place import default_cache
from vlbench.disk.sums import short_hash
from vlbench.encoders.local import located
from vlbench.errors import DataError, ProtocolError
from vlbench.evaluation.evaluate import Evaluator
from vlbench.memory import keep_freed_memory
from vlbench.methods.context import Context, JobState, Reference
from vlbench.protocol.load import load_protocol
from vlbench.protocol.protocol import parse_student
from vlbench.records.record import Environment
from vlbench.registry.invoke import construct
from vlbench.registry.options import parse_options
from vlbench.registry.specs import MethodSpec
from vlbench.runs.heads import make_head
from vlbench.runs.heartbeat import Beating
from vlbench.runs.observers import ObserverGroup, Reporter
from vlbench.runs.timings import Timings
from vlbench.seeds import SeedTree
from vlbench.students.build import StudentBuilder, StudentConfig
from vlbench.students.losses import INFO_NCE
from vlbench.students.precision import FLOAT32
from vlbench.students.student import TowerConfig

if TYPE_CHECKING:
    from vlbench.data.pairs import Split
    from vlbench.encoders.base import Encoder
    from vlbench.progress import Observer
    from vlbench.registry.registry import Registry
    from vlbench.runs.request import RunRequest

_MODELS = ("timm", "sentence-transformers", "transformers", "peft")
LIBRARIES = ("vlbench", "torch", "numpy", "faiss-gpu", "faiss-cpu", *_MODELS)


class Session:
    """Loads what is asked for when it is first needed, once.

    Args:
        registry: who knows what names mean.
        request: suite, seed, device and options.
        observer: receives phases.
    """

    def __init__(self, registry: Registry, request: RunRequest, observer: Observer) -> None:
        keep_freed_memory()
        self.registry, self.request = registry, request
        self.beating = Beating(observer)
        self.observer = ObserverGroup(registry, self.beating, request.log)
        self.protocol = load_protocol(request.suite, registry, request.overrides)
        self.cache = Cache(default_cache(), self.observer.message)
        self.device = choose_device(request.device)
        self._evaluators: dict[str, Evaluator] = {}
        self._fingerprint = ""
        for method in self.protocol.rows.always:
            registry.get("method", method)

    @property
    def data_options(self) -> Any:
        """Options of the protocol's dataset, with the folder of its files where it has one.

        Raises:
            ProtocolError: a folder is given, and the dataset reads no files of the user's.
        """
        name, given = self.protocol.data, self.protocol.data_options
        spec = self.registry.get("dataset", name)
        takes = any(field.name == "root" for field in fields(spec.options))
        if self.request.data is not None and not takes:
            raise ProtocolError(f"dataset {name!r} reads no files of yours. Leave out --data.")
        root = self.request.data or (remembered_folder(self.cache.root, self.protocol.name) if takes else None)
        if root is not None:
            given = {**given, "root": str(root)}
        if self.protocol.sides and any(field.name == "sides" for field in fields(spec.options)):
            given = {"sides": list(self.protocol.sides), **given}  # the others need not be read
        return parse_options(spec.options, given, owner=f"dataset {name!r}")

    @cached_property
    def dataset(self) -> PairDataset:
        """The protocol's dataset."""
        name, options = self.protocol.data, self.data_options
        spec = self.registry.get("dataset", name)
        self.observer.phase("data", None, name)
        dataset = as_dataset(
            construct(self.registry, "dataset", name, options, data_store(name)), f"dataset {name!r}: {spec.target}"
        )
        self.observer.done()
        dataset = dataset.taking(self.protocol.sides)
        for note in dataset.notes:
            self.observer.message(f"data: {note}")
        if self._fingerprint not in ("", dataset.fingerprint):
            raise DataError(f"the files of dataset {name!r} were changed by a method of this command. Get them again.")
        return dataset

    @contextlib.contextmanager
    def lending(self, who: str) -> Iterator[None]:
        """Around a method: where it changed the data that later rows are made of, these are read again.

        Raises:
            DataError: it did; the items are named.
        """
        dataset = self.dataset
        items, self._fingerprint = LentItems(dataset), dataset.fingerprint
        try:
            yield
        finally:
            if changed := items.changed(dataset):
                self._evaluators.clear()
                for name in ("dataset", "builder"):
                    self.__dict__.pop(name, None)
                raise DataError(
                    f"{who}: the method changed {', '.join(changed)}, which later rows are made of. What it is given "
                    "must not be changed in place; clone it. The data are read again for the rows after it."
                )

    @cached_property
    def timings(self) -> Timings:
        """How long rows of the protocol took on this device before."""
        return Timings(self.cache.root, self.protocol.hash, self.device)

    @cached_property
    def data_warnings(self) -> list[str]:
        """What a reader of scores should know of the data; said once, and looked for once for each dataset."""
        import torch

        key = {"data": self.dataset.fingerprint, "version": survey.VERSION}

        def compute() -> dict[str, torch.Tensor]:
            text = json.dumps(survey.survey(self.dataset)).encode()
            return {"warnings": torch.frombuffer(bytearray(text), dtype=torch.uint8)}

        found: list[str] = json.loads(self.cache.get("survey", key, compute)["warnings"].numpy().tobytes())
        for text in found:
            self.observer.message(text)
        return found

    @property
    def scored(self) -> Split:
        """The split on which rows are scored: test, or val while a method is tuned."""
        return self.dataset.split(self.protocol.training.split)

    @cached_property
    def builder(self) -> StudentBuilder:
        """Where students are built."""
        heads = partial(make_head, self.registry)
        report = partial(self.observer.phase, "features", None)
        return StudentBuilder(self.dataset, self.make_encoder, self.cache, self.device, heads, report)

    def make_encoder(self, config: TowerConfig) -> Encoder:
        """A tower's encoder, as its plugin makes it."""
        spec = self.registry.get("encoder", config.encoder)
        given = located(config.options, spec.options, config.sha256, self.cache.root)
        options: Any = parse_options(spec.options, given, owner=f"encoder {config.encoder!r}")
        encoder: Encoder = construct(self.registry, "encoder", config.encoder, options)
        return encoder

    @cached_property
    def students(self) -> dict[str, StudentConfig]:
        """Those of the protocol, then those of the request.

        Raises:
            UnknownNameError: a student of the request is not declared.
            ProtocolError: it has the name of another one of the protocol.
        """
        return dict(self.protocol.students) | {name: self.student_config(name) for name in self.request.students}

    def student_config(self, name: str) -> StudentConfig:
        """A student of the protocol, or a declared one.

        Raises:
            UnknownNameError: there is none of that name.
            ProtocolError: the protocol and the declaration differ.
        """
        own = self.protocol.students.get(name)
        if own is not None and name not in self.request.students:
            return own
        declared = parse_student(self.registry.get("student", name).table(), f"student {name!r}")
        if own not in (None, declared):
            raise ProtocolError(f"suite {self.protocol.name!r} has another student of the name {name!r}.")
        return declared

    def evaluator(self, student: str) -> Evaluator:
        """Scores training sets under one of the students."""
        if student not in self._evaluators:
            built = self.builder.student(student, self.student_config(student))
            training = self.protocol.training
            # Where val is scored, test is not even read.
            tower_inputs = {
                split: self.builder.tower_inputs(built, split) for split in ("train", "val", training.split)
            }
            self._evaluators[student] = Evaluator(built, tower_inputs, training.grid, split=training.split)
        return self._evaluators[student]

    def open_students(self) -> None:
        """Make the evaluator of every student, so that a fault of data or encoders shows before a method runs.

        Raises:
            NotFiniteError: a feature of an item is not finite.
            ProtocolError: an encoder does not fit the data.
        """
        for student in self.students:
            self.evaluator(student)

    def context(self, spec: MethodSpec, seeds: SeedTree, job: JobState) -> tuple[TrainView, Context]:
        """What a method is given.

        Args:
            spec: of the method.
            seeds: the only source of its randomness.
            job: folder of its checkpoint, clock and state of the process.
        """
        view = TrainView(self.dataset, sees_val=spec.sees_val)
        reference = copy.deepcopy(self.reference)  # the protocol's own holds dicts
        job = replace(job, owner=self.registry.foreign_owner("method", spec.name))
        return view, Context(view, self.builder, reference, seeds, Reporter(self.observer), job)

    @property
    def reference(self) -> Reference:
        """The student that methods see."""
        name, warmup = self.protocol.reference, self.protocol.training.warmup
        config = self.protocol.students[name]
        # What is usual has no name in it, so that what was cached before there was another choice is found.
        usual = (("loss", INFO_NCE), ("precision", FLOAT32), ("micro_batch", 0))
        student = {key: value for key, value in asdict(config).items() if (key, value) not in usual}
        for tower in student["towers"].values():
            del tower["sha256"]  # what the weights are is in the encoder's identity
            tower["head"] = {key: value for key, value in tower["head"].items() if (key, value) != ("options", {})}
        return Reference(name, config, warmup, short_hash({"student": student, "warmup": asdict(warmup)}))

    def environment(self) -> Environment:
        """Versions, device and threads, for the record."""
        import torch

        versions = {name: version for name in LIBRARIES if (version := _version(name))}
        device = torch.cuda.get_device_name(self.device) if self.device.startswith("cuda") else platform.machine()
        versions["python"] = platform.python_version()
        return Environment(versions=versions, device=device, threads=torch.get_num_threads())


def data_store(name: str) -> Path:
    """Folder in the cache where a dataset may store what is expensive to make again."""
    store = default_cache() / "data" / name
    store.mkdir(parents=True, exist_ok=True)
    return store


def choose_device(device: str) -> str:
    """``auto`` is the first GPU where there is one, else the CPU.

    Raises:
        ProtocolError: the device does not exist here.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ProtocolError(f"device {device!r} cannot be used here ({reason}). Use --device auto or cpu.") from None
    return device


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""
