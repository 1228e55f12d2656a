"""Trainers: how a student learns from pseudo-labels, and how a source classifier is trained."""

from __future__ import annotations

from tasks.students.mi_fuse import MIFuseSettings

StudentSettings = MIFuseSettings
