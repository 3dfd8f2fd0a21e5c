"""Building a plugin: by the command that its manifest names, or the toolchain that its folder is of.

`plan` says what is to be run, `toolchain` what is missing for it, `run` does it.
"""
