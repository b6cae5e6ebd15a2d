"""How well models of digits and their labels explain both, and make one from the other."""
