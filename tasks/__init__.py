"""What runs: files here are stages (Prefect tasks), folders are libraries without Prefect."""
