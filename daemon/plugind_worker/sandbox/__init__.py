"""The layers that confine a child of the zygote, one module each, and one table of them per operating system."""
