"""SHA-256 of every tensor of every artifact below a folder, and its scores: equal where a change keeps them.

python benchmarks/digest.py runs > before.txt
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from safetensors.numpy import load_file


def lines(folder: Path) -> list[str]:
    """One line a tensor and one a student of the run in ``folder``, the same for records of every schema."""
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    name = " ".join(str(record[field]) for field in ("suite", "method", "budget", "seed"))
    artifact = folder / "artifact.safetensors"
    tensors = load_file(artifact) if artifact.exists() else {}
    found = [
        f"{name} {key} {value.dtype} {list(value.shape)} {hashlib.sha256(value.tobytes()).hexdigest()}"
        for key, value in sorted(tensors.items())
    ]
    for student, scores in sorted(record["scores"].items()):
        plain = {**scores, **scores.get("directions", {})}  # schema 4 has the directions in a table of their own
        plain.pop("directions", None)
        found.append(f"{name} {student} {json.dumps(plain, sort_keys=True)}")
    return found


def main(runs: Path) -> None:
    """Print the lines of all runs, sorted."""
    print("\n".join(sorted(line for path in runs.rglob("record.json") for line in lines(path.parent))))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
