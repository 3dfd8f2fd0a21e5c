"""Making a new plugin: the templates that there are, the names that one name becomes, and the files."""
