"""pluginctl: the command line of plugind. It reaches the daemon through `plugind_client` only."""
