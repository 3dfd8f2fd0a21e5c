"""A host without an editor: a timeline on OpenTimelineIO, media by PyAV, and a user interface made of words.

A client of plugind like any editor, in a process of its own. The daemon starts it for ``--host headless``.
"""
