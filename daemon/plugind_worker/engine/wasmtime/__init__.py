"""The wasmtime engine. Hot calls go through the C entries below the public API of the Python binding."""
