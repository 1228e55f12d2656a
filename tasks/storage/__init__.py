"""Audio, tables, answers and features on disk; atomic writes and stage records."""
