"""Every ordered pair of corpora, every method, several seeds: `python -m bench.transfers`."""
