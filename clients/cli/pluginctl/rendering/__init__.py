"""Rendering a video through a plugin's effect: decode, process in a shared window, encode; all else passes through.

`pipeline.render` does it; it needs PyAV and numpy (``pip install "plugind[media]"``).
"""
