"""Installed plugins: what is there, in which version, in which state. Knows no processes and no clients."""
