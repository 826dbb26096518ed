"""The commands of `python -m core`, a module for each: a dataclass of its flags, which does the work when it is called."""
