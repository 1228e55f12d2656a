"""The classifier that both the source teacher and the student are: pooled features in, class logits out."""
