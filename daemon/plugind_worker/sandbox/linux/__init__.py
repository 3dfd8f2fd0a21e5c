"""Layers that the Linux kernel offers."""
