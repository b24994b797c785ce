"""``python -m vlbench.records`` prints the JSON Schema of a record's file."""

from __future__ import annotations

import json

from vlbench.records.record import record_schema

if __name__ == "__main__":
    print(json.dumps(record_schema(), indent=2))
