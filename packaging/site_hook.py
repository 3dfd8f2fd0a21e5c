"""Puts the built documentation into the distribution, where it has been built: ``make package`` does so before.

A wheel has it as ``pluginctl/site``, which ``pluginctl docs`` opens; the source distribution as ``site``, from which
its own wheel takes it. Without it a build goes on, and ``pluginctl docs`` says what is missing.
"""

from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PLACES: Final = {"wheel": "pluginctl/site", "sdist": "site"}


class SiteHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's own word for its configuration
    """Called by hatchling for each target."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the site, unless this is an editable install, which finds it where it was built."""
        site = Path(self.root) / "site"
        if version != "editable" and (site / "index.html").is_file():
            build_data["force_include"][str(site)] = _PLACES[self.target_name]
