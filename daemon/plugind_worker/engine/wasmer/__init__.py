"""The wasmer engine, by its Python binding of 2022: CPython 3.10 only, no epochs, no limiter.

What the engine lacks is done around it: the memory's cap by a fence in the address space, the tables' by rewriting the
module, stopping a guest by ending its process.
"""
