// Calls of the host API. Made from the method table by `make generate`: do not edit.
// Each returns what the host answers, or a failure: a value whose `failed` holds.

import { call } from "./host";
import { Json } from "./json";

/** `timeline.*`: what plugins read and change of the project, and how their changes are bracketed. */
export namespace timeline {
  /**
   * The whole timeline. Permission: `timeline.read`.
   */
  export function getState(): Json {
    return call("timeline.getState", Json.object());
  }

  /**
   * The playhead. Permission: `timeline.read`.
   */
  export function getCurrentTime(): Json {
    return call("timeline.getCurrentTime", Json.object());
  }

  /**
   * The selected clips. Permission: `timeline.read`.
   */
  export function getSelectedClips(): Json {
    return call("timeline.getSelectedClips", Json.object());
  }

  /**
   * Add a clip to a track. Permission: `timeline.write`.
   * @param clip what to add
   * @param track 0-based index among all tracks
   */
  export function addClip(clip: Json, track: i64): Json {
    return call("timeline.addClip", Json.object().set("clip", clip).set("track", track));
  }

  /**
   * Remove a clip. Permission: `timeline.write`.
   * @param clipId id of the clip
   */
  export function removeClip(clipId: string): Json {
    return call("timeline.removeClip", Json.object().set("clipId", clipId));
  }

  /**
   * Change a clip. Permission: `timeline.write`.
   * @param clipId the clip to change
   * @param changes what is to be different
   */
  export function updateClip(clipId: string, changes: Json): Json {
    return call("timeline.updateClip", Json.object().set("clipId", clipId).set("changes", changes));
  }
}

/** `media.*`: what plugins learn of media files. */
export namespace media {
  /**
   * Streams and duration of a media file. Permission: `media.read`.
   * @param path a path as for `file.read`; absolute paths and URLs need `media.read` without a scope
   */
  export function getInfo(path: string): Json {
    return call("media.getInfo", Json.object().set("path", path));
  }

  /**
   * A picture of one frame. Permission: `media.read`.
   * @param path as for `media.getInfo`
   * @param more an object that may have: `time`, `width`, `height`, `format`
   */
  export function generateThumbnail(path: string, more: Json = Json.object()): Json {
    return call("media.generateThumbnail", more.set("path", path));
  }
}

/** `effects.*` of guests: what they offer, instances of it, and putting these on clips. */
export namespace effects {
  /**
   * Create an instance of an effect; it lives as long as the plugin is loaded. Permission: `effects.create`.
   * @param effectId an effect that this plugin registered; one of another plugin as `pluginId/effectId`
   * @param more an object that may have: `params`
   */
  export function create(effectId: string, more: Json = Json.object()): Json {
    return call("effects.create", more.set("effectId", effectId));
  }

  /**
   * Put an effect on a clip; the editor gets the whole instance as `effect`. Permission: `effects.apply`.
   * @param effect the id of an instance that this plugin created, or what to create one of
   * @param clipId the clip to put it on
   */
  export function applyToClip(effect: Json, clipId: string): Json {
    return call("effects.applyToClip", Json.object().set("effect", effect).set("clipId", clipId));
  }
}

/** `ui.*`: what plugins show to the user, and ask of the user. */
export namespace ui {
  /**
   * Open a panel; it closes when the plugin is unloaded. Permission: `ui.create`.
   * @param id the plugin's own name for it
   * @param title for people
   * @param more an object that may have: `html`, `url`, `width`, `height`, `dock`
   */
  export function createPanel(id: string, title: string, more: Json = Json.object()): Json {
    return call("ui.createPanel", more.set("id", id).set("title", title));
  }

  /**
   * Close a panel of this plugin. Permission: `ui.create`.
   * @param panelId as `ui.createPanel` answered
   */
  export function closePanel(panelId: string): Json {
    return call("ui.closePanel", Json.object().set("panelId", panelId));
  }

  /**
   * Ask the user something. Permission: `ui.dialog`.
   * @param title for people
   * @param more an object that may have: `message`, `kind`, `buttons`, `default`, `fields`
   */
  export function showDialog(title: string, more: Json = Json.object()): Json {
    return call("ui.showDialog", more.set("title", title));
  }

  /**
   * Add a menu item; it goes when the plugin is unloaded. Permission: `ui.create`.
   * @param id the plugin's own name for it: `{id}` is the event's payload
   * @param label for people
   * @param more an object that may have: `menu`, `shortcut`, `enabled`
   */
  export function addMenuItem(id: string, label: string, more: Json = Json.object()): Json {
    return call("ui.addMenuItem", more.set("id", id).set("label", label));
  }

  /**
   * Remove a menu item of this plugin. Permission: `ui.create`.
   * @param id as it was added
   */
  export function removeMenuItem(id: string): Json {
    return call("ui.removeMenuItem", Json.object().set("id", id));
  }

  /**
   * Tell the user something. Permission: `ui.create`.
   * @param message for people
   * @param more an object that may have: `kind`, `durationMs`, `title`
   */
  export function showNotification(message: string, more: Json = Json.object()): Json {
    return call("ui.showNotification", more.set("message", message));
  }

  /**
   * Let the user pick files. Permission: `ui.dialog`.
   * @param more an object that may have: `title`, `filters`, `multiple`, `save`
   */
  export function pickFile(more: Json = Json.object()): Json {
    return call("ui.pickFile", more);
  }

  /**
   * Let the user pick a folder. Permission: `ui.dialog`.
   * @param more an object that may have: `title`
   */
  export function pickDirectory(more: Json = Json.object()): Json {
    return call("ui.pickDirectory", more);
  }
}

/** `file.*`: the files that a plugin may see, in a tree of its own. `assets/…` is its package, `project/…` the project's folder, `picked/…` what the user picked; everything else is the plugin's private folder. */
export namespace file {
  /**
   * Read a file. Permission: `file.read`.
   * @param path in the plugin's tree
   * @param more an object that may have: `encoding`, `offset`, `length`
   */
  export function read(path: string, more: Json = Json.object()): Json {
    return call("file.read", more.set("path", path));
  }

  /**
   * Write a file. Permission: `file.write`.
   * @param path in the plugin's tree
   * @param data in the encoding
   * @param more an object that may have: `encoding`, `append`, `createParents`
   */
  export function write(path: string, data: string, more: Json = Json.object()): Json {
    return call("file.write", more.set("path", path).set("data", data));
  }

  /**
   * List a folder. Permission: `file.read`.
   * @param path in the plugin's tree; empty for its private folder
   * @param more an object that may have: `recursive`
   */
  export function list(path: string, more: Json = Json.object()): Json {
    return call("file.list", more.set("path", path));
  }

  /**
   * Kind, size and age of a file. Permission: `file.read`.
   * @param path in the plugin's tree
   */
  export function stat(path: string): Json {
    return call("file.stat", Json.object().set("path", path));
  }

  /**
   * Remove a file or an empty folder. Permission: `file.write`.
   * @param path in the plugin's tree
   */
  export function remove(path: string): Json {
    return call("file.remove", Json.object().set("path", path));
  }
}

/** `storage.*`: JSON values that a plugin keeps, by key, between its runs. What was acknowledged is there again after a crash, of the daemon too, and within a second it is safe from a power cut. A value has at most 8 MiB; all of them, with what is in the private folder, count towards `storageBytes`. See [files, storage and events](files.md). */
export namespace storage {
  /**
   * A stored value. Permission: `storage`.
   * @param key its key
   */
  export function get(key: string): Json {
    return call("storage.get", Json.object().set("key", key));
  }

  /**
   * Store a value. Permission: `storage`.
   * @param key its key
   * @param value any JSON value
   */
  export function set(key: string, value: Json): Json {
    return call("storage.set", Json.object().set("key", key).set("value", value));
  }

  /**
   * Remove a stored value. Permission: `storage`.
   * @param key its key
   */
  export function remove(key: string): Json {
    return call("storage.remove", Json.object().set("key", key));
  }

  /**
   * The keys of what is stored. Permission: `storage`.
   * @param more an object that may have: `prefix`, `after`
   */
  export function keys(more: Json = Json.object()): Json {
    return call("storage.keys", more);
  }

  /**
   * Remove everything that is stored. Permission: `storage`.
   */
  export function clear(): Json {
    return call("storage.clear", Json.object());
  }
}

/** `network.*`: HTTP for plugins, by the daemon; a plugin's own process can open no connection. */
export namespace network {
  /**
   * Make an HTTP request; redirects are answered, not followed. Permission: `network`.
   * @param url `https://…` or `http://…`. The permission's scope is matched with its host
   * @param more an object that may have: `method`, `headers`, `body`, `encoding`
   */
  export function request(url: string, more: Json = Json.object()): Json {
    return call("network.request", more.set("url", url));
  }
}

/** `system.*`: the machine and the host. */
export namespace system {
  /**
   * The machine and the host. Permission: `system.info`.
   */
  export function getInfo(): Json {
    return call("system.getInfo", Json.object());
  }
}
