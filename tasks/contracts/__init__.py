"""What everyone agrees on: errors, settings, table schemas, stages. No Prefect, no torch."""
