// The JSON of proto/norn/view as the API sends it: every field present.
import type { AlertDetailJson, AlertViewJson, CommandViewJson, HostViewJson } from './gen/norn/view/v1/view_pb.ts';

/** Protobuf's JSON mapping makes every field optional and numbers maybe "NaN"; the API emits all, and numbers only. */
export type Shown<T> = [number] extends [T]
  ? number
  : T extends (infer Item)[]
    ? Shown<Item>[]
    : T extends object
      ? { [Key in keyof T]-?: Shown<Exclude<T[Key], undefined>> }
      : T;

export type ShownAlert = Shown<AlertViewJson>;
export type ShownAlertDetail = Shown<AlertDetailJson>;
export type ShownCommand = Shown<CommandViewJson>;
export type ShownHost = Shown<HostViewJson>;
