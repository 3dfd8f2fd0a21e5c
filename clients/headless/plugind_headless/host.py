"""Answers the daemon: gives each method's params to the part that does it, by one table, and its result back."""

from collections.abc import Awaitable, Callable
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

import msgspec

from plugind_headless.errors import ProjectError
from plugind_headless.media.decoder import Decoder
from plugind_headless.media.messages import Request
from plugind_headless.timeline import edits, ids, project
from plugind_headless.timeline.edits import Edit, Extent
from plugind_headless.timeline.journal import Journal
from plugind_headless.timeline.project import ProjectFile
from plugind_headless.timeline.sources import Sources
from plugind_headless.timeline.view import View
from plugind_headless.ui.desk import Desk
from plugind_protocol.errors import HostUnavailable, InvalidParams, InvalidState, MethodNotFound, PlugindError
from plugind_protocol.headless import ChooseMenu, HeadlessSet, HeadlessState
from plugind_protocol.host import effects, media, ui
from plugind_protocol.host import timeline as wire
from plugind_protocol.table import Empty

Publish = Callable[[str, Any, str | None], Awaitable[None]]
"""Name and payload of an editor's event, and for which plugin: None for all that have asked for it."""

_ABOUT_THE_CALL: Final = ("pluginId", "transaction")


class Who(NamedTuple):
    """On whose behalf the daemon asks."""

    plugin_id: str
    transaction: str | None


class ApplyInstance(effects.EffectApplied, frozen=True):
    """What the daemon makes of ``effects.applyToClip`` for an editor: the whole instance."""


class Host:
    """The headless host.

    Args:
        file: Where the timeline is kept; None to keep it in memory only.
        timeline: What was in it.
        desk: The user interface.
        decoder: Looks at media.
        say: Tells a person what happens.
        publish: Tells plugins what happens.
        unconfined: Layers of this process's confinement that do not hold.
    """

    def __init__(
        self,
        file: ProjectFile | None,
        timeline: Any,
        *,
        desk: Desk,
        decoder: Decoder,
        say: Callable[[str], None],
        publish: Publish,
        unconfined: list[str],
    ) -> None:
        self._file = file
        self._rate = project.rate_of(timeline)
        self._journal = Journal(timeline, rate=self._rate, save=self._save)
        self._sources = Sources(file.folder if file is not None else None)
        self._view = View(self._sources, rate=self._rate)
        self._desk = desk
        self._decoder = decoder
        self._say = say
        self._publish = publish
        self._unconfined = unconfined
        self._current_time = 0.0
        self._selection: list[str] = []
        self._methods: Final[dict[str, tuple[type, Callable[[Who, Any], Any]]]] = {
            "timeline.getState": (Empty, self._get_state),
            "timeline.getCurrentTime": (Empty, lambda _who, _asked: self._view.current(self._current_time)),
            "timeline.getSelectedClips": (Empty, self._get_selected),
            "timeline.addClip": (wire.AddClip, self._add_clip),
            "timeline.removeClip": (wire.ClipId, self._remove_clip),
            "timeline.updateClip": (wire.UpdateClip, self._update_clip),
            "timeline.begin": (wire.BeginTransaction, self._begin),
            "timeline.commit": (wire.CommitTransaction, self._commit),
            "timeline.rollback": (wire.RollbackTransaction, self._rollback),
            "media.getInfo": (media.GetInfo, self._get_info),
            "media.generateThumbnail": (media.GenerateThumbnail, self._generate_thumbnail),
            "effects.applyToClip": (ApplyInstance, self._apply_effect),
            "ui.createPanel": (ui.CreatePanel, _for_plugin(desk.create_panel)),
            "ui.closePanel": (ui.ClosePanel, _for_plugin(desk.close_panel)),
            "ui.showDialog": (ui.ShowDialog, _for_plugin(desk.show_dialog)),
            "ui.addMenuItem": (ui.AddMenuItem, _for_plugin(desk.add_item)),
            "ui.removeMenuItem": (ui.RemoveMenuItem, _for_plugin(desk.remove_item)),
            "ui.showNotification": (ui.ShowNotification, _for_plugin(desk.notify)),
            "ui.pickFile": (ui.PickFile, _for_plugin(desk.pick_file)),
            "ui.pickDirectory": (ui.PickDirectory, _for_plugin(desk.pick_directory)),
            "headless.state": (Empty, lambda _who, _asked: self.state()),
            "headless.set": (HeadlessSet, self._set),
            "headless.chooseMenu": (ChooseMenu, self._choose_menu),
            "headless.reload": (Empty, self._reload),
        }

    @property
    def methods(self) -> list[str]:
        """What it answers."""
        return list(self._methods)

    async def answer(self, method: str, params: Any) -> Any:
        """Answer a request of the daemon.

        Args:
            method: Its name.
            params: Its params, as plain values.

        Raises:
            MethodNotFound: There is no such method here.
            PlugindError: What the method answers.
        """
        row = self._methods.get(method)
        if row is None:
            raise MethodNotFound(f"the headless host has no method {method!r}")
        fields = dict(params or {})
        who = Who(str(fields.get("pluginId", "")), fields.get("transaction"))
        kind, function = row
        try:
            asked: Any = msgspec.convert(_without_what_the_type_lacks(fields, kind), kind)
        except msgspec.ValidationError as exc:
            raise InvalidParams(f"{method}: {exc}") from exc
        result = function(who, asked)
        return await result if hasattr(result, "__await__") else result

    def state(self) -> HeadlessState:
        """Return everything there is, for people and tests."""
        committed = self._journal.committed
        return HeadlessState(
            project=str(self._file.path) if self._file is not None else None,
            timeline=self._view.state(committed, current_time=self._current_time, selection=self._selection),
            transactions=self._journal.open,
            notifications=list(self._desk.notifications),
            questions=list(self._desk.questions),
            panels=self._desk.panels,
            menu=self._desk.menu,
            unconfined=[*self._unconfined, *(f"decoder: {layer}" for layer in self._decoder.missing or ())],
        )

    def forget(self, plugin_id: str) -> None:
        """Put away what a plugin that is not loaded any more has put before the user."""
        self._desk.forget(plugin_id)

    # --- timeline

    def _get_state(self, who: Who, _asked: Empty) -> wire.TimelineState:
        seen = self._journal.seen_by(who.plugin_id)
        return self._view.state(seen, current_time=self._current_time, selection=self._selection)

    def _get_selected(self, who: Who, _asked: Empty) -> wire.SelectedClips:
        return wire.SelectedClips(clips=self._selected(self._journal.seen_by(who.plugin_id)))

    def _selected(self, timeline: Any) -> list[wire.Clip]:
        return [self._view.clip(timeline, one) for one in self._view.present(timeline, self._selection)]

    async def _add_clip(self, who: Who, asked: wire.AddClip) -> wire.ClipAdded:
        clip = asked.clip
        extent = await self._extent(clip.source, needed=clip.duration is None)
        clip_id = ids.fresh()
        self._edit(
            who,
            edits.AddClip(
                clip_id=clip_id,
                name=clip.name or PurePosixPath(clip.source).stem,
                url=self._sources.to_url(clip.source),
                track=asked.track,
                start=clip.start,
                duration=clip.duration,
                source_start=clip.source_start or 0.0,
                extent=extent,
                metadata=clip.metadata or {},
            ),
        )
        return wire.ClipAdded(clip_id=clip_id)

    def _remove_clip(self, who: Who, asked: wire.ClipId) -> None:
        self._edit(who, edits.RemoveClip(asked.clip_id))

    def _update_clip(self, who: Who, asked: wire.UpdateClip) -> wire.ClipUpdated:
        given = msgspec.structs.asdict(asked.changes)
        changed = self._edit(who, edits.UpdateClip(clip_id=asked.clip_id, **given))
        return wire.ClipUpdated(clip=self._view.clip(changed, asked.clip_id))

    def _apply_effect(self, who: Who, asked: ApplyInstance) -> effects.EffectApplied:
        instance = asked.effect
        self._edit(
            who,
            edits.ApplyEffect(
                clip_id=asked.clip_id,
                effect_id=instance.id,
                effect=instance.effect_id,
                plugin_id=instance.plugin_id,
                params=instance.params,
            ),
        )
        return effects.EffectApplied(clip_id=asked.clip_id, effect=instance)

    def _edit(self, who: Who, edit: Edit) -> Any:
        return self._journal.edit(who.plugin_id, who.transaction, edit)

    def _begin(self, who: Who, asked: wire.BeginTransaction) -> None:
        self._journal.begin(who.plugin_id, asked.transaction)

    def _commit(self, who: Who, asked: wire.CommitTransaction) -> None:
        count = self._journal.commit(who.plugin_id, asked.transaction)
        self._say(f"{who.plugin_id} has made {count} edits")

    def _rollback(self, who: Who, asked: wire.RollbackTransaction) -> None:
        count = self._journal.rollback(who.plugin_id, asked.transaction)
        self._say(f"{count} edits of {who.plugin_id} are taken back: {asked.reason}")

    def _save(self, timeline: Any) -> None:
        if self._file is not None:
            self._file.save(timeline)

    # --- media

    async def _extent(self, source: str, *, needed: bool) -> Extent | None:
        """Look how much there is of a file of the project; other files are not looked at for ``timeline.write``."""
        try:
            path = self._sources.to_path(source)
            if not self._sources.owns(path):
                return None
            found = (await self._decoder.ask(path, Request("extent", 0))).result
        except PlugindError:
            if needed and not _is_remote(source):
                raise
            return None  # offline media have a place on a timeline too
        return None if found is None else Extent(**found)

    async def _get_info(self, _who: Who, asked: media.GetInfo) -> dict[str, Any]:
        answer = await self._decoder.ask(self._sources.to_path(asked.path), Request("info", 0))
        return {**(answer.result or {}), "path": asked.path}

    async def _generate_thumbnail(self, _who: Who, asked: media.GenerateThumbnail) -> dict[str, Any]:
        request = Request("picture", 0, time=asked.time, width=asked.width, height=asked.height, format=asked.format)
        answer = await self._decoder.ask(self._sources.to_path(asked.path), request)
        return {**(answer.result or {}), "data": answer.data}

    # --- what hands would do

    async def _set(self, _who: Who, asked: HeadlessSet) -> None:
        if asked.selection is not None:
            committed = self._journal.committed
            for clip_id in asked.selection:
                edits.find(committed, clip_id)
            self._selection = list(dict.fromkeys(asked.selection))
        if asked.current_time is not None:
            self._current_time = asked.current_time
        if asked.selection is not None:
            await self._publish("timeline.selectionChange", self._selected(self._journal.committed), None)

    async def _choose_menu(self, _who: Who, asked: ChooseMenu) -> None:
        item = self._desk.item(asked.id, asked.plugin_id)
        await self._publish("ui.menu", {"id": item.id}, item.plugin_id)

    def _reload(self, _who: Who, _asked: Empty) -> None:
        if self._file is None:
            raise InvalidState("there is no project file: the timeline is in memory only", hint="Start with --project.")
        try:
            self._journal.replace(self._file.read())
        except ProjectError as exc:
            raise HostUnavailable(str(exc), hint="The timeline is as it was.") from exc


def _for_plugin(function: Callable[[str, Any], Any]) -> Callable[[Who, Any], Any]:
    return lambda who, asked: function(who.plugin_id, asked)


def _without_what_the_type_lacks(fields: dict[str, Any], kind: Any) -> dict[str, Any]:
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    return {key: value for key, value in fields.items() if key in known or key not in _ABOUT_THE_CALL}


def _is_remote(source: str) -> bool:
    return "://" in source
