"""Published results of variational autoencoders, each trained again by one command.

``python -m benchmarks.published NAME`` does it; `__main__` says how. A result is a folder in
``protocols``: ``result.yaml`` says what was published, where, under which protocol and what differs
here, and ``train.yaml`` is the configuration that ``pyrovae train`` reads. Where the command line
does not train such a model, ``result.yaml`` names a module of this package that does. `runs` trains and goes on, `numbers` reads a trained run, `rows` makes of it the row that is kept in
``results``, and `page` writes the documentation's table from these rows alone.
"""
