"""The development loop: watch a plugin's folder, build, have it run, and say what comes of it.

`rounds` goes round, `watching` says when, `showing` prints, `ignoring` and `sources` are pure.
"""
