"""HTTP that the daemon itself asks servers by: for packages, and for what plugins want to know."""
