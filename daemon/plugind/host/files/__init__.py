"""The file broker: plugins' files, opened so that no link and no race leads out of their tree."""
