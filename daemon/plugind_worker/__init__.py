"""The sandboxed process side: a zygote that forks, workers that run one plugin each, children that compile.

Nothing here decides policy: what a plugin may do is decided in the daemon, and everything a guest asks for travels
there as a message. This package runs on CPython 3.10 and newer, and imports nothing that slows its start.
"""
