/**
 * SDK for Timeline Studio plugins in TypeScript and JavaScript.
 *
 * @packageDocumentation
 */
export { createPlugin, TimelineStudioSDK } from "./plugin";
export type { Hooks, PluginConfig, TimelinePlugin } from "./plugin";
export { createApi } from "./api";
export type {
  Clip,
  ClipId,
  DialogConfig,
  DialogResult,
  Effect,
  EffectsAPI,
  EventsAPI,
  FileAPI,
  MediaAPI,
  MenuConfig,
  NetworkAPI,
  Panel,
  PanelConfig,
  PluginAPI,
  StorageAPI,
  SystemAPI,
  Timecode,
  TimelineAPI,
  UIAPI,
} from "./api";
export type { EffectDefinition, Parameters, ParameterValue } from "./effects";
export type { EventCallback, Unsubscribe } from "./events";
export { table, VideoFrame } from "./frame";
export type { PixelFormat } from "./frame";
export {
  HostError,
  HostUnavailableError,
  InvalidParamsError,
  NotFoundError,
  PermissionDeniedError,
  PluginError,
  TimeoutError,
  TooLargeError,
} from "./errors";
export { call, callNow } from "./host";
export { ERROR_CODES, HOST_METHODS } from "./generated";
export type {
  ClipChanges,
  EffectParameter,
  ErrorKind,
  Event,
  FileStat,
  FolderEntry,
  HostMethods,
  HttpRequest,
  HttpResponse,
  MediaInfo,
  NewClip,
  PermissionName,
  PluginManifest,
  ShowNotification,
  SystemInfo,
  Thumbnail,
  TimelineState,
  Track,
} from "./generated";
