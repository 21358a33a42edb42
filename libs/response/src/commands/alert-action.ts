// What a row of the table of actions says: who may ask for one, when, what it is to the host, and in which words people read of it.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { action } from '@norn/contracts';
import type { AlertState } from './alert-state.ts';

/** What a command tells the host to do. */
export type CommandAct = Exclude<MessageInitShape<typeof action.CommandSchema>['action'], undefined>;

export interface AlertAction {
  /** The least role that may ask for it. Absent: policy alone does. */
  readonly role?: 'analyst' | 'responder';
  /** Of those of one group one is on its way at a time; without a group it is its own only rival. */
  readonly group?: 'files' | 'network';
  /** It is about the container that the attack was in. */
  readonly needsContainer?: true;
  /** States of the alert in which there is nothing left to ask for. */
  readonly closedIn?: readonly AlertState[];
  /** More that who asks says, or that the installation knows: files by their paths, processes that run. */
  readonly takes?: 'paths' | 'running';
  /** Whose work it is about; absent: all who are blamed. */
  readonly about?: AboutWhom;
  /** Of a success the state machine says so. */
  readonly effect?: Effect;
  /** Absent: nothing happens on the host. */
  readonly act?: (details: ActDetails) => CommandAct;
  readonly words: ActionWords;
  /** Of its button. Absent: the plain one. */
  readonly icon?: ActionIcon;
  /** What it ends does not come back, so the question before it looks it. */
  readonly isGrave?: true;
  /** Of the alert's page, where it is offered. */
  readonly button?: (situation: Situation) => Button | undefined;
  readonly cli?: CliWords;
}

export type ActionIcon = 'undo' | 'redo' | 'container' | 'conflict' | 'stop' | 'network' | 'release' | 'archive';

/**
 * `restored`: those whom policy's restore is about. `restored before`: they, and those of the restores that stand, for a conflict is of the restore
 * that met it. `standing restore`: the newest restore that nobody has undone; the host knows by its id what it did.
 */
export type AboutWhom = 'restored' | 'restored before' | 'standing restore';

export interface Effect {
  readonly restores?: true;
  readonly kills?: true;
  /** Whatever a scope is about, all of the container is. */
  readonly wholeContainer?: true;
  /** Nothing of the container is left running. */
  readonly endsContainer?: true;
  readonly network?: NetworkEffect;
}

/** What is on the network after it, and what is not. */
export interface NetworkEffect {
  readonly of: 'container' | 'host';
  readonly isOff: boolean;
  /** It ends by itself after so long. Absent: it stands until it is lifted. */
  readonly lastsMs?: number;
}

export interface ActDetails {
  /** As the alert shows them; none: all. */
  readonly paths: readonly string[];
  /** The id of the restore to be undone. */
  readonly undoes: string;
}

export interface ActionWords {
  /** "ann asked to … on web-1": the list of commands, the timeline, the audit. */
  readonly deed: string;
  /** What came of it: "isolation succeeded". Absent: its name. */
  readonly noun?: string;
  /** Of the API's route. */
  readonly route?: string;
}

/** `./norn <command> ALERT`, or an option of it. */
export interface CliWords {
  readonly command: string;
  readonly description: string;
  /** "--container". Absent: what the command does without options. */
  readonly option?: string;
  /** Why it can not be given with another option. */
  readonly alone?: string;
  /** The CLI says first what the page's button would; where the page offers none, it says this of the alert instead. */
  readonly notOffered?: (alert: string) => string;
}

export interface Button {
  readonly label: string;
  readonly consequence: string;
  /** Why it can't be done now; empty when it can. */
  readonly reason: string;
}

/** What is known of the alert whose page offers actions. */
export interface Situation {
  readonly state: AlertState;
  /** "on node-3", "in container web (0123456789ab)". */
  readonly where: string;
  readonly hostName: string;
  /** Empty for the host. */
  readonly containerId: string;
  readonly containerName: string;
  readonly podName: string;
  readonly podNamespace: string;
  /** The name of the attack's program. */
  readonly program: string;
  readonly runningProcesses: number;
  /** Of these it is not known whether they run. */
  readonly unknownProcesses: number;
  /** Unix ms, when the host said last what runs; 0: never. */
  readonly knownAt: number;
  /** The container that it happened in is gone. */
  readonly containerEnded: boolean;
  readonly filesTotal: number;
  readonly filesDecided: number;
  readonly filesConflict: number;
  /** Names of those whose work a restore takes back. */
  readonly restored: readonly string[];
  /** Names of those whom the alert blames beside them. */
  readonly blamedBeside: readonly string[];
  /** A restore stands that can be undone. */
  readonly isRestored: boolean;
  /** A command has taken it off the network, and none has let it back: the container, or its pod, and the host. */
  readonly offTheNetwork: Readonly<Record<NetworkEffect['of'], boolean>>;
}
