"""A plugin's own tests: cases in ``tests/*.json``, and golden frames, run in the sandbox that the plugin will run in.

`cases` reads them, `host` answers as they say, `golden` compares pictures, `runner` runs them in a daemon of its own.
"""
