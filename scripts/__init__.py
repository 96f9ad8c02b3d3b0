"""The ``rfssm`` command line."""
