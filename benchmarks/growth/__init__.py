"""How the time and memory of a step, of compiling and of an estimate grow."""
