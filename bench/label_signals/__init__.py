"""What each part of the label-signal head is worth, on labelled corpora: `python -m bench.label_signals`."""
