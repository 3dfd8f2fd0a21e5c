"""What clients can do: one module per namespace of the method table, over the runtimes of the installed plugins."""
