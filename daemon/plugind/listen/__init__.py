"""The client socket: where the daemon listens, who may connect; takes a protocol factory and knows no RPC."""
