// What the engine reads of a batch: columns and tables, as they came. Strings are asked for one at a time and kept by the batch.
import type { Rows } from '../engine/field.ts';

/** Rows and tables of one batch. Indexes into `text` count its dictionary; 0 is the empty string. */
export interface RuleBatch extends Rows {
  readonly rowCount: number;
  /** norn.event.v1.EventKind. */
  readonly kind: Uint8Array;
  readonly process: Uint16Array;
  readonly path: Uint16Array;
  readonly target: Uint16Array;
  readonly flags: Uint32Array;
  readonly value: BigUint64Array;
  readonly result: Int32Array;

  readonly textCount: number;
  text(index: number): string;

  /** One element an entry of the process table. */
  readonly listCount: number;
  readonly processImage: Uint16Array;
  readonly processContainer: Uint16Array;
  readonly processPid: Uint32Array;
  readonly processParentPid: Uint32Array;
  /** Real ids on the host. */
  readonly processUserId: Uint32Array;
  readonly processGroupId: Uint32Array;
  /** Index into `text`. */
  readonly processTerminal: Uint16Array;
  /** `nobodyId` where nobody logged in. */
  readonly processLoginUserId: Uint32Array;
  readonly processSessionId: Uint32Array;
  /** Several each, in the order of `capabilitySets`. */
  readonly processCapabilities: BigUint64Array;
  userName(process: number): string;
  /** Image paths of the ancestors, nearest first. */
  ancestorImages(process: number): readonly string[];
  parentCommandLine(process: number): string;

  /** One element an entry of the image table. */
  readonly imagePath: Uint16Array;
  readonly imageCommandLine: Uint16Array;
  readonly imageWorkingDirectory: Uint16Array;
  /** "NAME=value" a line. */
  readonly imageEnvironment: Uint16Array;
  /** Index into `text`. */
  readonly imagePackage: Uint16Array;
  readonly imagePackageVersion: Uint16Array;
  /** norn.event.v1.ImageFlag bits. */
  readonly imageFlags: Uint32Array;
  /** Lower-case hex; empty when not known. */
  imageSha256(image: number): string;

  /** One element an entry of the container table, index into `text`. */
  readonly containerId: Uint16Array;
  /** Of an entry of the container table, as it was asked for: "shop/web:1.4"; empty when not known. */
  containerImage(container: number): string;
  /** Kubernetes namespace of an entry of the container table; empty when not known. */
  podNamespace(container: number): string;
  /** "app=web" of the pod of an entry of the container table. */
  podLabels(container: number): readonly string[];
  /** "Deployment/web": the workload that the pod of an entry of the container table is of; empty when not known. */
  podOwner(container: number): string;
}
