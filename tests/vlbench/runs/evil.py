"""What methods do that misbehave: code, and what their records say of it."""

HEAD = "import os, random, signal, sys, threading, time, warnings\nimport vlbench\n"
EVIL = """
class Evil_{name}(vlbench.Method):
    def condense(self, train, budget, context):
        import numpy, torch
        answer = vlbench.Selection(context.candidates()[: budget.pairs].clone(), train.fingerprint)
{code}
        return answer
"""
DECLARED = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Options:
    level: int = vlbench.option(3, help="of nothing")
    table: dict[str, int] = vlbench.option({{}}, help="of nothing")

@vlbench.hookimpl
def vlbench_methods():
    names = {names}
    return [vlbench.MethodSpec("evil-" + n.replace("_", "-"), "{module}:Evil_" + n, "selection", "B.", options=Options)
            for n in names]
"""
QUIET = {
    "pairs": "train.pairs[:, 1] = train.pairs[:, 1].roll(1)",
    "split_pairs": "train.split.pairs[:] = 0",
    "items": "train.items('image')[:] = 0",
    "texts": "train.items('text')[:] = ['no'] * len(train.items('text'))",
    "entries": "context.tower_inputs.pairs[:] = 0",
    "full_set": "context.full_set().pairs[:] = 0",
    "student_then_features": """
        for tower in context.student.towers.values():
            tower.standardise.mean.fill_(3), tower.encoder.module.requires_grad_(False)
            for part in tower.encoder.module.parameters(): part.zero_()
            for part in tower.trained.parameters(): part.data.zero_()
        context.pair_features(answer)""",
    "config": "context.student.towers['image'].config.options['x'] = 1; context._reference.config.towers.clear()",
    "cache_root": "context.cache.root = None",
    "poisoned_cache": """
        for kind in ("warm-up", "experts", "features"):
            context.cached(kind, {}, lambda: {"image": torch.zeros(3), "text": torch.zeros(3)})
            context.cached("experts", {"variant": "", "expert": 0}, lambda: {"image": torch.zeros(3)})""",
    "fingerprint": "train.fingerprint = 'other'; context.pair_features(answer)",
    "observer": "context.observer.phase = None; context.observer.advance = 7",
    "numpy_items": "train.items('image').numpy()[:] = 0; train.pairs.numpy()[:] = 0",
    "resized": "train.pairs.resize_(0); train.items('image').set_(torch.zeros(1, dtype=torch.uint8))",
    "emptied": "train.split.items.clear(); train.split.names.clear(); train.sides = ()",
    "budget": "object.__setattr__(budget, 'amount', 500); object.__setattr__(budget, 'unit', 'bytes')",
    "options": "object.__setattr__(self.options, 'level', 7); self.options.table['level'] = 7",
    "recipe": "object.__setattr__(context.recipe, 'steps', 1); object.__setattr__(context.seeds, 'root', 9)",
    "numpy_features": "context.pair_features(answer).numpy()[:] = 0; context.tower_inputs.pairs.numpy()[:] = 0",
    "own_cache": "context.cache.store('features', {'data': train.fingerprint}, {'features': torch.zeros(3)})",
    "fork": "child = os.fork(); os._exit(0) if child == 0 else os.waitpid(child, 0)",
    "prints": "print('hello'); sys.stdout.write('hello')",
}
"""What is given is a copy: nothing has to be said."""
SAID = {
    "autocast": ("torch.autocast('cpu', torch.bfloat16).__enter__()", "torch autocast"),
    "autocast_then_features": (
        "torch.autocast('cpu', torch.bfloat16).__enter__(); context.pair_features(answer)",
        "torch autocast",
    ),
    "dtype": ("torch.set_default_dtype(torch.float64)", "torch default dtype"),
    "threads": ("torch.set_num_threads(2)", "torch threads"),
    "grad": ("torch.set_grad_enabled(False)", "torch grad mode"),
    "deterministic": ("torch.use_deterministic_algorithms(True)", "torch deterministic algorithms"),
    "device": ("torch.device('meta').__enter__()", "torch function modes"),
    "denormal": ("torch.set_flush_denormal(True)", "torch denormal numbers"),
    "hooks": (
        "torch.nn.modules.module.register_module_forward_hook(lambda m, i, o: o * 0)",
        "torch global module hooks",
    ),
    "randperm": ("torch.randperm = lambda n, **_: torch.arange(n)", "torch.randperm"),
    "randperm_then_features": (
        "torch.randperm = lambda n, **_: torch.arange(n); context.pair_features(answer)",
        "torch.randperm",
    ),
    "matmul": ("torch.Tensor.__matmul__ = torch.Tensor.__add__", "torch.Tensor.__matmul__"),
    "linear": ("torch.nn.functional.normalize = lambda x, **_: x", "torch.nn.functional.normalize"),
    "builtin": ("import builtins; builtins.sorted = lambda *a, **k: []", "builtins.sorted"),
    "scoring": (
        "import vlbench.evaluation.evaluate as e; e.rank_embeddings = None",
        "vlbench.evaluation.evaluate.rank_embeddings",
    ),
    "code": (
        "import vlbench.evaluation.retrieval as r; r.recalls.__code__ = (lambda ranks, cuts=(1,): {}).__code__",
        "vlbench.evaluation.retrieval.recalls",
    ),
    "constant": (
        "import vlbench.evaluation.retrieval as r; r.CUTS = (1, 500, 1000)",
        "vlbench.evaluation.retrieval.CUTS",
    ),
    "torch_seed": ("torch.manual_seed(7)", "generator of torch"),
    "numpy_seed": ("numpy.random.seed(7)", "generator of numpy"),
    "python_seed": ("random.seed(7)", "generator of random"),
    "environment": ("os.environ['OMP_NUM_THREADS'] = '7'; del os.environ['PATH']", "environment variables"),
    "folder": ("os.chdir('/')", "current folder"),
    "umask": ("os.umask(0o777)", "umask"),
    "signals": ("signal.signal(signal.SIGINT, lambda *_: None)", "signal handlers"),
    "alarm": ("signal.alarm(1000)", "alarm"),
    "filters": ("warnings.simplefilter('ignore')", "warnings filters"),
    "path": ("sys.path.clear()", "sys.path"),
    "thread": ("threading.Thread(target=time.sleep, args=(5,), daemon=True, name='mine').start()", "thread 'mine'"),
    "attribute": ("vlbench.Selector.needs_features = False", "vlbench.methods.method.Selector.needs_features"),
    "property": (
        "vlbench.Selection.__matmul__ = property(lambda self: 'x')",
        "vlbench.artifacts.artifact.Selection.__matmul__",
    ),
    "other_plugin": (
        "import vlbench_coresets.herding as one; one.herding = lambda features, size: torch.arange(size)",
        "vlbench_coresets.herding.herding",
    ),
    "other_plugins_class": (
        "import vlbench_coresets.herding as one; one.Herding.select = lambda self, features, size, generator: "
        "torch.arange(size)",
        "vlbench_coresets.herding.Herding.select",
    ),
    "other_plugins_code": (
        "import vlbench_coresets.herding as one; "
        "one.herding.__code__ = compile('lambda f, s: f', 'x', 'eval').co_consts[0]",
        "vlbench_coresets.herding.herding",
    ),
    "layer": ("torch.nn.LayerNorm.forward = lambda self, x: x * 0", "LayerNorm.forward"),
    "optimiser": ("torch.nn.init.normal_ = lambda x, *a, **k: x", "torch.nn.init.normal_"),
    "library": (
        "lib = torch.library.Library('aten', 'IMPL'); "
        "lib.impl('mm', lambda a, b: torch.zeros(a.shape[0], b.shape[1]), 'CPU'); threading.mine = lib",
        "torch operators",
    ),
    "saved_hooks": (
        "torch.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x * 0).__enter__()",
        "torch saved tensor hooks",
    ),
    "file_size": (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))",
        "limits of the system",
    ),
    "locale": ("import locale; locale.setlocale(locale.LC_ALL, 'C.UTF-8')", "locale"),
    "temporary": ("import tempfile; tempfile.tempdir = '/proc/nowhere'", "folder of temporary files"),
    "importer": ("sys.meta_path.insert(0, type('Own', (), {'find_spec': lambda *_: None})())", "sys.meta_path"),
    "standard_input": ("os.close(0); sys.stdin = None", "standard input"),
    "standard_error": ("os.close(2)", "standard error"),
    "profiler": ("signal.setitimer(signal.ITIMER_PROF, 500)", "alarm"),
    "module": (
        "del sys.modules['vlbench.evaluation.retrieval']",
        "module vlbench",
    ),
    "json": ("import json; json.dumps = lambda *a, **k: '{}'", "json.dumps"),
    "path_class": ("import pathlib; pathlib.Path.read_bytes = lambda self: b''", "pathlib.Path.read_bytes"),
    "numpy_function": ("numpy.argsort = lambda x, *a, **k: numpy.arange(len(x))", "numpy.argsort"),
    "hash": ("import hashlib; hashlib.sha256 = hashlib.md5", "hashlib.sha256"),
    "precision": ("torch.backends.mkldnn.matmul.fp32_precision = 'bf16'", "torch precision of backends"),
    "precision_of_all": ("torch.backends.fp32_precision = 'tf32'", "torch precision of backends"),
    "clock": ("time.perf_counter = lambda: 0.0", "time.perf_counter"),
    "descriptor": ("os.write(1, b'hello')", "5 bytes to standard output"),
}
"""Code -> what the record names."""
FAILS = {
    "exit": ("sys.exit(0)", "failed", "SystemExit: 0"),
    "os_exit": ("os._exit(7)", "failed", "SystemExit: os._exit(7)"),
    "base": ("raise type('Own', (BaseException,), {})('own')", "failed", "Own: own"),
    "generator": ("raise GeneratorExit", "failed", "GeneratorExit"),
    "raises": ("raise KeyError('lost')", "failed", "KeyError: 'lost'"),
    "unprintable": ("raise type('Own', (Exception,), {'__str__': lambda self: 3})", "failed", "text cannot be read"),
    "steers": ("raise ValueError('\\x1b[31m\\udcff')", "failed", "ValueError: \\x1b[31m\\udcff"),
    "unprintable_of_ours": (
        "raise type('Own', (vlbench.errors.DataError,), {'__str__': lambda self: 3})",
        "failed",
        "text cannot be read",
    ),
    "nan_curve": ("context.curve('loss', float('nan'))", "diverged", "curve 'loss' was given nan at step 0"),
    "text_curve": ("context.curve('loss', 'low')", "diverged", "curve 'loss' was given 'low'"),
    "hidden_curve": (
        "context.curves['loss'] = [1.0, float('inf')]",
        "diverged",
        "curve 'loss' was given inf at step 1",
    ),
    "nan_setting": ("context.settings(rate=float('nan'))", "failed", "setting 'rate' is nan"),
    "own_index": ("answer.indices[:] = -1", "failed", "index -1"),
    "nothing": ("answer = None", "failed", "NoneType"),
    "exit_and_patch": ("torch.randperm = None; sys.exit(3)", "failed", "SystemExit: 3"),
}
DIES = {
    "ends": ("import posix; posix._exit(7)", "ended with exit code 7"),
    "killed": ("os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
    "writes_nonsense": (
        "os.write(3, b'x' * 100); os.write(1, b'y'); import posix; posix._exit(0)",
        "ended with exit code 0",
    ),
}
