"""When things run: one Prefect flow per stage, the pipeline, and the command line."""
