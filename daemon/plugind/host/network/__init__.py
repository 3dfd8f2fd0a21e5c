"""HTTP for plugins: what ``network.*`` is answered by."""
