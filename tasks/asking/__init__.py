"""What paid teachers share: reading answers, rate limits, retries, money."""
