"""What an editor answers, typed: one method per row of the host API that a client can provide.

Subclass `HostProvider`, override what the editor has, and give it to ``connect(provider=…)``; the namespaces that it
provides follow from what it overrides.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec

from plugind_client.handlers import PROVIDABLE, Handler
from plugind_protocol.errors import InvalidParams
from plugind_protocol.host import HOST_METHODS, PROVIDER_METHODS, effects, media, timeline, ui
from plugind_protocol.table import Empty, Method, Params


class Caller(msgspec.Struct, frozen=True):
    """On whose behalf the daemon asks."""

    plugin_id: str
    """The plugin."""
    transaction: str | None = None
    """The transaction that an edit belongs to, between its `timeline_begin` and its end."""


class ApplyEffect(Params, frozen=True):
    """``effects.applyToClip`` as an editor gets it: with the whole effect instance."""

    clip_id: str
    """The clip to put it on."""
    effect: effects.EffectInstance
    """What to put on it: run it by ``effects.process`` of its plugin."""


class HostProvider:
    """Answers host methods. Every method may raise `PlugindError` classes; the plugin gets them as they are.

    A method that is not overridden is answered MethodNotFound, by which the plugin learns that this editor lacks it.
    What a method returns may have fields beyond those of its type where it is a subclass: they reach the plugin too.
    """

    # --- timeline

    async def timeline_get_state(self, caller: Caller, params: Empty) -> timeline.TimelineState:
        """Return the whole timeline."""
        raise NotImplementedError

    async def timeline_get_current_time(self, caller: Caller, params: Empty) -> timeline.CurrentTime:
        """Return the playhead."""
        raise NotImplementedError

    async def timeline_get_selected_clips(self, caller: Caller, params: Empty) -> timeline.SelectedClips:
        """Return the selected clips."""
        raise NotImplementedError

    async def timeline_add_clip(self, caller: Caller, params: timeline.AddClip) -> timeline.ClipAdded:
        """Add a clip to a track."""
        raise NotImplementedError

    async def timeline_remove_clip(self, caller: Caller, params: timeline.ClipId) -> None:
        """Remove a clip."""
        raise NotImplementedError

    async def timeline_update_clip(self, caller: Caller, params: timeline.UpdateClip) -> timeline.ClipUpdated:
        """Change a clip."""
        raise NotImplementedError

    async def timeline_begin(self, caller: Caller, params: timeline.BeginTransaction) -> None:
        """Begin a transaction: the edits of one call of one plugin, one step of the undo history."""
        raise NotImplementedError

    async def timeline_commit(self, caller: Caller, params: timeline.CommitTransaction) -> None:
        """Keep the edits of a transaction; return once they are kept."""
        raise NotImplementedError

    async def timeline_rollback(self, caller: Caller, params: timeline.RollbackTransaction) -> None:
        """Take the edits of a transaction back."""
        raise NotImplementedError

    # --- media

    async def media_get_info(self, caller: Caller, params: media.GetInfo) -> media.MediaInfo:
        """Return streams and duration of a media file."""
        raise NotImplementedError

    async def media_generate_thumbnail(self, caller: Caller, params: media.GenerateThumbnail) -> media.Thumbnail:
        """Return a picture of one frame."""
        raise NotImplementedError

    # --- effects

    async def effects_apply_to_clip(self, caller: Caller, params: ApplyEffect) -> effects.EffectApplied:
        """Put an effect on a clip."""
        raise NotImplementedError

    # --- ui

    async def ui_create_panel(self, caller: Caller, params: ui.CreatePanel) -> ui.Panel:
        """Open a panel, or replace the plugin's panel of this id."""
        raise NotImplementedError

    async def ui_close_panel(self, caller: Caller, params: ui.ClosePanel) -> None:
        """Close a panel."""
        raise NotImplementedError

    async def ui_show_dialog(self, caller: Caller, params: ui.ShowDialog) -> ui.DialogResult:
        """Ask the user something."""
        raise NotImplementedError

    async def ui_add_menu_item(self, caller: Caller, params: ui.AddMenuItem) -> None:
        """Add a menu item; publish ``ui.menu`` with its id when it is chosen."""
        raise NotImplementedError

    async def ui_remove_menu_item(self, caller: Caller, params: ui.RemoveMenuItem) -> None:
        """Remove a menu item of the plugin."""
        raise NotImplementedError

    async def ui_show_notification(self, caller: Caller, params: ui.ShowNotification) -> None:
        """Tell the user something, without waiting for them."""
        raise NotImplementedError

    async def ui_pick_file(self, caller: Caller, params: ui.PickFile) -> ui.PickedFiles:
        """Let the user pick files."""
        raise NotImplementedError

    async def ui_pick_directory(self, caller: Caller, params: ui.PickDirectory) -> ui.PickedDirectory:
        """Let the user pick a folder."""
        raise NotImplementedError


def handlers(provider: HostProvider) -> Mapping[str, Handler]:
    """Return a handler for each method that a provider overrides."""
    return {
        row.name: partial(_answer, provider, row)
        for row in PROVIDED.values()
        if getattr(type(provider), attribute(row.name)) is not getattr(HostProvider, attribute(row.name))
    }


def attribute(method: str) -> str:
    """Return the name of the `HostProvider` method that answers a host method."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", method.replace(".", "_")).lower()


PROVIDED: Final[dict[str, Method]] = {
    row.name: row
    for row in (*(row for row in HOST_METHODS.values() if row.provider == "editor"), *PROVIDER_METHODS.values())
    if row.name.partition(".")[0] in PROVIDABLE
}
"""What a client may be asked."""

_PARAMS: Final[dict[str, type]] = {"effects.applyToClip": ApplyEffect}
"""Params as a client gets them, where the daemon has worked on what the guest sent."""


async def _answer(provider: HostProvider, row: Method, _method: str, params: Any) -> Any:
    fields: dict[str, Any] = dict(params or {})
    caller = Caller(str(fields.get("pluginId", "")), fields.get("transaction"))
    kind = _PARAMS.get(row.name, row.params)
    if row.name not in PROVIDER_METHODS:
        fields.pop("pluginId", None)
        fields.pop("transaction", None)
    try:
        decoded: Any = msgspec.convert(fields, kind)
    except msgspec.ValidationError as exc:
        reason, _, path = str(exc).partition(" - at ")
        raise InvalidParams(f"{row.name}: {reason}", path=path.strip("`") or "$") from exc
    return await getattr(provider, attribute(row.name))(caller, decoded)
