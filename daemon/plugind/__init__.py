"""The plugin daemon of Timeline Studio."""
