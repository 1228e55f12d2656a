"""A source-filter voice and the two small synthetic corpora of the demo."""
