"""The package format ``.tsplugin``: a plugin's folder as one file, a zip of the plainest kind there is.

`write` makes packages, `unpack` reads them without trusting a byte, `folder` says what belongs to a plugin, and
`digest` gives folder and package of the same plugin the same name. The daemon and the tools use these, nothing else.
"""

from typing import Final

SUFFIX: Final = ".tsplugin"
