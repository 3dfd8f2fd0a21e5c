"""Events: what plugins hear of the editor and of one another."""
