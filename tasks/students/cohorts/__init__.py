"""A cohort of students, one per combination of representations, that learn from the best of each other.

Meta Fusion (arXiv:2507.20089). Knows neither clips nor audio: numbers of N rows in, numbers out.
"""
