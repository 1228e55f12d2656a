"""A cohort of students on data whose best strategy is known: `python -m bench.meta_fusion`."""
