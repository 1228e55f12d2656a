"""Trainers: how a student learns from pseudo-labels, and how a source classifier is trained.

This union is the list of the students' trainers; all make one promise (`docs/baselines.md`).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from tasks.students.aad import AaDSettings
from tasks.students.cohort import CohortSettings
from tasks.students.dine import DINESettings
from tasks.students.label_signal import LabelSignalSettings
from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.nrc import NRCSettings
from tasks.students.prode import ProDeSettings
from tasks.students.shot import SHOTSettings
from tasks.students.source_only import SourceOnlySettings


def _mi_fuse_unless_said(given: Any) -> Any:
    return {"kind": "mi_fuse"} | given if isinstance(given, dict) else given


StudentSettings = Annotated[
    AaDSettings
    | CohortSettings
    | DINESettings
    | LabelSignalSettings
    | MIFuseSettings
    | NRCSettings
    | ProDeSettings
    | SHOTSettings
    | SourceOnlySettings,
    Field(discriminator="kind"),
    BeforeValidator(_mi_fuse_unless_said),
]
