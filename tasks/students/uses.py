"""What a trainer needs besides features and pseudo-labels: asked by the stage, and by the DAG for freshness."""

from __future__ import annotations

from typing import Literal

# "labels": nothing more. "draws": also what the teachers beside the classifier said. "views": that, and who speaks,
# to label anew.
# "rule": all teachers' draws and the rule, to repeat the fusion.
Uses = Literal["labels", "draws", "views", "rule"]
