"""The parts of `plugind.registry.resolve`: pure, each a step from requirements to a graph or to an explanation."""
