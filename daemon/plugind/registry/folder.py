"""Plugin folders, where the registry looks for them: what belongs to a plugin is the format's to say."""

from plugind_protocol.package.folder import Contents, read

__all__ = ["Contents", "read"]
