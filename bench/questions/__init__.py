"""What the paper and its readers leave open: each question one command, one table or figure in docs/questions."""
