"""JSON-RPC with clients: connections, dispatch and sessions; knows the method table, not what methods do."""
