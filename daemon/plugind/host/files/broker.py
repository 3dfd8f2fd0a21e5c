"""The ``file.*`` host methods, and the paths of other methods: a plugin's tree on the user's disk."""

import contextlib
import os
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from plugind.host.allowance import Allowance
from plugind.host.caller import Caller
from plugind.host.files import content, refusals, system
from plugind.host.files.base import Entry, Files, Reach, Status, TooLongError
from plugind.host.files.places import Places, Site
from plugind.host.private import PrivateFolders
from plugind.host.threads import HostThreads
from plugind.policy import files as rules
from plugind.policy.files import Located, Need, Place, shown
from plugind_protocol.errors import InvalidParams, NotFound, PermissionDenied
from plugind_protocol.host import file as api
from plugind_protocol.permissions import Permission

MAX_ENTRIES: Final = 10_000
"""Listed at once."""
ENTRY_BYTES: Final = 1024
"""What a file or folder counts beside its content."""
PART: Final = "files"

T = TypeVar("T")

_WINDOWS: Final = os.name == "nt"


class FileBroker:
    """Answers ``file.*``.

    Args:
        places: Where plugins' files are.
        private: The private folders.
        threads: Where disks are worked on.
        allowance: What plugins may keep.
        reach: How files are reached; default: the best way that this system has.
    """

    def __init__(
        self,
        places: Places,
        private: PrivateFolders,
        threads: HostThreads,
        allowance: Allowance,
        *,
        reach: Reach | None = None,
    ) -> None:
        self._places = places
        self._private = private
        self._threads = threads
        self._allowance = allowance
        self._reach = reach or system.choose()
        allowance.measure(PART, self._measure)

    # --- permissions ------------------------------------------------------------------------------------------

    @staticmethod
    def needed(need: Need, _caller: Caller, params: Any) -> Permission | None:
        """Return the permission that params with a ``path`` take."""
        return rules.needed(params.path, need, windows=_WINDOWS)

    # --- methods ----------------------------------------------------------------------------------------------

    async def read(self, caller: Caller, params: api.ReadFile) -> api.FileData:
        """Read a file, or a part of it.

        Raises:
            NotFound: It is not there.
            InvalidParams: It is a folder, its name is none, or its bytes are not the text that they should be.
            PermissionDenied: A link leads to it, or it is no file.
            TooLarge: That is more than can be read at once.
            HostUnavailable: It is the project's, and none is open.
        """
        located = _locate(caller, params.path)

        def work(tree: Files, site: Site) -> api.FileData:
            try:
                data, size = tree.read(
                    site.parts, offset=params.offset, length=params.length, most=content.MAX_READ_BYTES
                )
            except TooLongError as exc:
                raise content.too_long(caller, located, exc.size) from exc
            return api.FileData(
                data=content.encoded(data, params.encoding, caller, located), encoding=params.encoding, size=size
            )

        return await self._at("file.read", caller, located, work)

    async def write(self, caller: Caller, params: api.WriteFile) -> api.FileWritten:
        """Write a file.

        Raises:
            NotFound: The folder is not there.
            InvalidParams: It is a folder, its name is none, or the data is not what it should be.
            PermissionDenied: It is read-only, a link leads to it, or it is no file.
            TooLarge: The data is, or it does not fit what the plugin may keep.
            HostUnavailable: It is the project's, and none is open.
        """
        located = _locate(caller, params.path)
        data = content.decoded(params, caller, located)

        def work(tree: Files, site: Site) -> api.FileWritten:
            size = tree.write(
                site.parts,
                data,
                append=params.append,
                create_parents=params.create_parents,
                charge=self._charge(caller, site),
            )
            return api.FileWritten(size=size)

        return await self._at("file.write", caller, located, work, write=True)

    async def remove(self, caller: Caller, params: api.RemoveFile) -> None:
        """Remove a file, or an empty folder.

        Raises:
            NotFound: It is not there.
            InvalidParams: It is a folder with something in it, or its name is none.
            PermissionDenied: It is read-only, a link leads to it, or it is neither file nor folder.
            HostUnavailable: It is the project's, and none is open.
        """
        located = _locate(caller, params.path)

        def work(tree: Files, site: Site) -> None:
            gone = tree.remove(site.parts)
            self._charge(caller, site)(-gone.size, -1)

        await self._at("file.remove", caller, located, work, write=True)

    async def stat(self, caller: Caller, params: api.StatFile) -> api.FileStat:
        """Return kind, size and age of a file or folder.

        Raises:
            NotFound: It is not there.
            InvalidParams: Its name is none.
            PermissionDenied: A link leads to it, or it is neither.
            HostUnavailable: It is the project's, and none is open.
        """
        located = _locate(caller, params.path)

        def work(tree: Files, site: Site) -> api.FileStat:
            status = tree.status(site.parts)
            return api.FileStat(path=located.virtual, kind=_kind(status), size=status.size, modified=status.modified)

        return await self._at("file.stat", caller, located, work)

    async def list(self, caller: Caller, params: api.ListFolder) -> api.FolderEntries:
        """List a folder.

        What the plugin may not read is not listed, and neither are links, pipes and the like.

        Raises:
            NotFound: It is not there.
            InvalidParams: It is no folder, or its name is none.
            PermissionDenied: A link leads to it.
            HostUnavailable: It is the project's, and none is open.
        """
        located = _locate(caller, params.path)

        def work(tree: Files, site: Site) -> api.FolderEntries:
            found, truncated = tree.scan(site.parts, recursive=params.recursive, most=MAX_ENTRIES)
            entries = [_entry(one, located) for one in found]
            readable = [
                one for one in entries if rules.free(located) or rules.allowed(one.path, Need.READ, caller.granted)
            ]
            return api.FolderEntries(entries=readable, truncated=truncated)

        try:
            return await self._at("file.list", caller, located, work)
        except NotFound:
            if located.place is Place.PRIVATE and not located.parts:  # it is made when something is written
                return api.FolderEntries(entries=[])
            raise

    async def real(self, caller: Caller, path: str, *, method: str) -> str:
        """Return the real path of a file, for a provider that shall open it.

        Raises:
            NotFound: It is not there.
            InvalidParams: Its name is none, or it is a folder.
            PermissionDenied: A link leads to it, or it is no file.
            HostUnavailable: It is the project's, and none is open.
        """
        located = _locate(caller, path)
        return await self._at(method, caller, located, lambda tree, site: os.fspath(tree.real(site.parts)))

    # --- where ------------------------------------------------------------------------------------------------

    async def _at(
        self,
        method: str,
        caller: Caller,
        located: Located,
        work: Callable[[Files, Site], T],
        *,
        write: bool = False,
    ) -> T:
        sites = self._places.sites(caller.plugin_id, located)
        if write:
            _check_writable(caller, located, sites)
        on = partial(self._on, caller, work, write=write)
        return await self._threads.run(
            caller.plugin_id, lambda: _first(sites, on, refusals.told(method, caller, located))
        )

    def _on(self, caller: Caller, work: Callable[[Files, Site], T], site: Site, *, write: bool) -> T:
        if site.private and write:
            self._private.prepare(caller.plugin_id, files=True)
        with self._reach(site.root, mode=site.mode) as tree:
            return work(tree, site)

    def _charge(self, caller: Caller, site: Site) -> Callable[[int, int], None]:
        def charge(more: int, entries: int) -> None:
            if site.private:
                self._allowance.take(caller.plugin_id, PART, more + entries * ENTRY_BYTES)

        return charge

    def _measure(self, plugin_id: str) -> int:
        root = self._private.files(plugin_id)
        if not root.is_dir():
            return 0
        with self._reach(root) as tree:
            size, count = tree.clean()
        return size + count * ENTRY_BYTES


def _first(sites: tuple[Site, ...], on: Callable[[Site], T], refusals: contextlib.AbstractContextManager[None]) -> T:
    """Work on the first site where there is something."""
    with refusals:
        for site in sites[:-1]:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                return on(site)
        return on(sites[-1])


def _locate(caller: Caller, path: str) -> Located:
    return rules.locate(path, plugin_id=caller.plugin_id, windows=_WINDOWS)


def _check_writable(caller: Caller, located: Located, sites: tuple[Site, ...]) -> None:
    if not all(site.writable for site in sites):
        why = "its package is read-only" if located.place is Place.ASSETS else "it was picked to be read"
        raise PermissionDenied(
            f"{caller.plugin_id} {caller.version} cannot write {shown(located.virtual)}: {why}",
            hint="Write into the private folder: any path that does not begin with assets, project or picked.",
            plugin_id=caller.plugin_id,
            version=caller.version,
        )
    if not all(site.parts for site in sites):
        raise InvalidParams(
            f"{caller.plugin_id}: {shown(located.virtual) or 'the private folder'} is a folder that stays",
            hint="Name something in it.",
            plugin_id=caller.plugin_id,
            path="$.path",
        )


def _kind(status: Status) -> api.Kind:
    return "directory" if status.folder else "file"


def _entry(found: Entry, below: Located) -> api.FolderEntry:
    path = "/".join((*([below.virtual] if below.virtual else []), *found.parts))
    return api.FolderEntry(
        name=found.parts[-1],
        path=path,
        kind=_kind(found.status),
        size=found.status.size,
        modified=found.status.modified,
    )
