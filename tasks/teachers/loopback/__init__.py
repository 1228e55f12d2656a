"""A server on this machine that stands in for a paid model: real HTTP, real wire formats, judged by prosody."""
