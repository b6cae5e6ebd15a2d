"""Pages that people look at in a browser: one file each, without scripts, nothing from a network."""
