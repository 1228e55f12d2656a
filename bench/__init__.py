"""What measures; never part of the tests."""
