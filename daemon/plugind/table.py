"""Which handler answers which method."""

from plugind.rpc.dispatch import Dispatcher
from plugind.services.capsules import Capsules
from plugind.services.changes import ChangesService
from plugind.services.console import Console
from plugind.services.daemon import DaemonService
from plugind.services.dependencies import Dependencies
from plugind.services.development import Development
from plugind.services.effects import EffectsService
from plugind.services.events import EventsService
from plugind.services.frames import FramesService
from plugind.services.headless import HeadlessService
from plugind.services.locking import Locking
from plugind.services.permissions import PermissionsService
from plugind.services.plugins import PluginsService
from plugind.services.updates import Updates


def dispatcher(
    daemon: DaemonService,
    *,
    plugins: PluginsService,
    dependencies: Dependencies,
    locking: Locking,
    updates: Updates,
    development: Development,
    permissions: PermissionsService,
    changes: ChangesService,
    frames: FramesService,
    effects: EffectsService,
    console: Console,
    capsules: Capsules,
    events: EventsService,
    headless: HeadlessService,
) -> Dispatcher:
    """Return what answers all methods; a row of the method table without a handler is an error here."""
    return Dispatcher(
        control={
            "initialize": daemon.initialize,
            "rpc.discover": daemon.discover,
            "daemon.status": daemon.status,
            "daemon.metrics": daemon.metrics,
            "daemon.shutdown": daemon.stop,
            "plugins.install": plugins.install,
            "plugins.uninstall": plugins.uninstall,
            "plugins.load": plugins.load,
            "plugins.unload": plugins.unload,
            "plugins.activate": plugins.activate,
            "plugins.deactivate": plugins.deactivate,
            "plugins.enable": plugins.enable,
            "plugins.disable": plugins.disable,
            "plugins.reload": development.reload,
            "plugins.release": plugins.release,
            "plugins.setResourceLimits": plugins.set_resource_limits,
            "plugins.getResourceLimits": plugins.get_resource_limits,
            "plugins.list": plugins.list,
            "plugins.get": plugins.get,
            "plugins.getState": plugins.get_state,
            "plugins.grant": permissions.grant,
            "plugins.revoke": permissions.revoke,
            "plugins.getPermissions": permissions.get_permissions,
            "plugins.applyPreset": permissions.apply_preset,
            "plugins.acceptUpdate": permissions.accept_update,
            "plugins.rejectUpdate": permissions.reject_update,
            "plugins.listPresets": permissions.list_presets,
            "plugins.update": updates.update,
            "plugins.loadDevelopment": development.load,
            "plugins.versions": plugins.versions,
            "plugins.rollback": plugins.rollback,
            "plugins.changes": changes.changes,
            "plugins.resolve": dependencies.resolve,
            "plugins.lock": locking.lock,
            "plugins.restore": locking.restore,
            "effects.list": effects.list,
            "frames.open": frames.open,
            "frames.close": frames.close,
            "console.get": console.get,
            "console.clear": console.clear,
            "capsules.list": capsules.list,
            "capsules.get": capsules.get,
            "events.publish": events.publish,
            "headless.state": headless.state,
            "headless.set": headless.set,
            "headless.chooseMenu": headless.choose_menu,
            "headless.reload": headless.reload,
        },
        hot={"plugins.call": plugins.call, "effects.process": effects.process},
    )
