"""Media files: looked at in a process that can do nothing else, since files may be made to break decoders."""
