"""The contestants of `bench.asking`: the same draws asked with one tool each, in processes of their own."""
