// Where the cluster lies on this machine, and what it is made of.
import type { Kubernetes } from '@norn/cli';

export interface Site {
  readonly kubernetes: Kubernetes;
  /** Everything it writes but for the runtime's sockets and mounts. */
  readonly folder: string;
  /** The runtime's: its socket, and the roots of containers. */
  readonly state: string;
}

export const nodeName = 'trial';

export const socketOf = ({ state }: Site): string => `${state}/containerd.sock`;

/** One process of the cluster. */
export interface PartOfCluster {
  readonly name: string;
  /** Default: the program that is all parts, whose first argument is then the name. */
  readonly program?: string;
  readonly args: readonly string[];
  /** A command that ends well once the part is of use. */
  readonly isReady: readonly string[];
}
