"""The timeline: an OTIO file, edits to it as values, and transactions over those."""
