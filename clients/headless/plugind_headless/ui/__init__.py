"""The user interface of a host that has none: what plugins show is kept, and questions are answered by rule."""
