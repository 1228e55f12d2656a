"""Formulas, each written once for NumPy and torch alike."""
