"""Metrics, calibration and the report."""
