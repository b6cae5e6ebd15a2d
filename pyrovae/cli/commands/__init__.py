"""The commands, a module each. None of these modules loads torch before it is called."""
