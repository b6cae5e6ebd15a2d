"""The page of ``pyrovae explore``, and what serves it on this machine alone."""
