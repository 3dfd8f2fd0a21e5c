"""``pluginctl docs``: the documentation in a browser, with its search, from this machine.

An installed program has the pages with it, a checkout those that ``make docs`` has built. They are served on this
machine only, since a browser lets pages from files search nothing.
"""

import http.server
import threading
import webbrowser
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from pluginctl.context import Invocation, pass_invocation
from pluginctl.failure import CommandFailed
from pluginctl.interrupts import sigterm_as_ctrl_c

_PLACES: Final = (Path(__file__).parent / "site", Path(__file__).parents[3] / "site")
"""In an installed program, and in a checkout."""
_INDEX: Final = "index.html"


class Where(msgspec.Struct, rename="camel", omit_defaults=True):
    """Where the documentation is."""

    folder: str
    url: str | None = None
    """While it is served."""


class _Pages(http.server.SimpleHTTPRequestHandler):
    """Serves files, and says nothing about it."""

    def log_message(self, *_args: Any) -> None:
        """Keep quiet."""


@click.command()
@click.argument("page", required=False)
@click.option("--no-browser", is_flag=True, help="Serve it and print its address, and open nothing.")
@click.option("--path", "print_path", is_flag=True, help="Print the folder that it is in, and end.")
@pass_invocation
def docs(invocation: Invocation, /, page: str | None, *, no_browser: bool, print_path: bool) -> None:
    """Open the documentation, or PAGE of it, such as dev-loop. Ctrl-C ends.

    The pages of an installed pluginctl are those of its own version.
    """
    folder = _folder()
    name = _page(folder, page)
    if print_path:
        return invocation.show(Where(folder=str(folder)), str(folder / name))
    # 127.0.0.1 and a port of the system's choice: nobody else's machine sees it
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Pages, directory=str(folder))) as server:
        url = f"http://127.0.0.1:{server.server_port}/{name}"
        with sigterm_as_ctrl_c():
            invocation.show(Where(folder=str(folder), url=url), f"{url}\nfrom {folder}; Ctrl-C ends")
            if not no_browser:
                threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
            try:
                server.serve_forever()
            except KeyboardInterrupt:  # the usual way to end it
                return None
    return None


def _folder() -> Path:
    for folder in _PLACES:
        if (folder / _INDEX).is_file():
            return folder
    raise CommandFailed(
        "The documentation is not built here", hint="In a checkout: make docs. A wheel made by make package has it."
    )


def _page(folder: Path, page: str | None) -> str:
    if page is None:
        return _INDEX
    name = f"{page.removesuffix('.md').removesuffix('.html')}.html"
    if not (folder / name).resolve().is_relative_to(folder.resolve()) or not (folder / name).is_file():
        known = ", ".join(sorted(one.stem for one in folder.glob("*.html") if one.stem not in ("404", "search")))
        raise CommandFailed(f"There is no page {page!r}", hint=f"There are: {known}")
    return name


COMMANDS: Final[dict[str, Any]] = {"docs": docs}
