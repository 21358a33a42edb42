// Actions that stop an attack, take it off the network, let it go, or put the alert away.
import { counted, shortId } from '@norn/base';
import type { AlertAction, Situation } from './alert-action.ts';

/** Policy's alone: who looks at an alert kills or releases. */
export const suspend: AlertAction = {
  act: () => ({ case: 'suspend', value: {} }),
  words: { deed: 'freeze the attack' },
};

export const kill: AlertAction = {
  role: 'responder',
  takes: 'running',
  effect: { kills: true },
  act: () => ({ case: 'kill', value: {} }),
  words: { deed: 'kill the attack', route: 'Kills what the alert blames, and what its page says runs' },
  icon: 'stop',
  isGrave: true,
  /** Only where something is there to be killed, or nobody knows. */
  button: ({ where, program, runningProcesses: running, unknownProcesses: unknown, knownAt }) => {
    if (running + unknown === 0) return undefined;
    const what = counted(running, 'process', 'processes');
    const who = `${program} and everything it started`;
    if (running === 0) {
      const since = knownAt === 0 ? '' : ` since ${new Date(knownAt).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
      return {
        label: 'Kill what still runs',
        consequence: `Kills ${who} ${where}.`,
        reason: `It is not known${since} whether any of it runs: the host does not answer.`,
      };
    }
    return {
      label: `Kill ${what}`,
      consequence: `Freezes, then kills ${what} ${where}: ${who}. Other processes go on.`,
      reason: '',
    };
  },
  cli: { command: 'kill', description: 'Kill what still runs of the attack' },
};

export const killContainer: AlertAction = {
  role: 'responder',
  needsContainer: true,
  effect: { kills: true, endsContainer: true },
  act: () => ({ case: 'kill', value: { wholeContainer: true } }),
  words: {
    deed: 'kill the container',
    noun: 'kill of the container',
    route: 'Kills every process of the container that the attack was in',
  },
  icon: 'stop',
  button: ({ where, containerId, containerEnded, podName, podNamespace }) => {
    if (containerId === '' || containerEnded) return undefined;
    const after = podName === '' ? '' : ` Kubernetes may start it anew in pod ${podNamespace}/${podName}.`;
    return {
      label: 'Kill the container',
      consequence: `Freezes, then kills every process ${where}, the attack's or not.${after} Other containers go on.`,
      reason: '',
    };
  },
  cli: {
    command: 'kill',
    option: '--container',
    description: "every process of the container, not only the attack's",
  },
};

/** "pod shop/web-0", "container web". */
function isolated({ containerId, containerName, podName, podNamespace }: Situation): string {
  return podName === '' ? `container ${containerName || shortId(containerId)}` : `pod ${podNamespace}/${podName}`;
}

/** A pod outlives its container. */
function canIsolate({ containerId, containerEnded, podName }: Situation): boolean {
  return containerId !== '' && (!containerEnded || podName !== '');
}

export const isolate: AlertAction = {
  role: 'responder',
  group: 'network',
  needsContainer: true,
  effect: { network: { of: 'container', isOff: true } },
  act: () => ({ case: 'isolate', value: {} }),
  words: {
    deed: 'take it off the network',
    noun: 'isolation',
    route: 'Takes the pod that the attack was in off the network, or its container where there is no pod',
  },
  icon: 'network',
  button: (situation) => {
    if (situation.offTheNetwork.container || !canIsolate(situation)) return undefined;
    const inPod = situation.podName !== '';
    const probes = inPod ? ' Probes by network fail: Kubernetes may start its containers anew.' : '';
    return {
      label: inPod ? 'Isolate the pod' : 'Isolate the container',
      consequence:
        `Drops every packet to and from ${isolated(situation)}, those of connections that stand too, until the isolation is lifted. ` +
        `Its processes go on. The host and all others keep their network.${probes}`,
      reason: '',
    };
  },
  cli: {
    command: 'isolate',
    description: 'Take the pod that it was in off the network, or its container where there is no pod',
  },
};

export const rejoin: AlertAction = {
  role: 'responder',
  group: 'network',
  needsContainer: true,
  effect: { network: { of: 'container', isOff: false } },
  act: () => ({ case: 'isolate', value: { lift: true } }),
  words: {
    deed: 'let it back onto the network',
    noun: 'end of the isolation',
    route: 'Lets it back onto the network',
  },
  icon: 'network',
  button: (situation) =>
    situation.offTheNetwork.container && situation.containerId !== ''
      ? {
          label: 'Lift the isolation',
          consequence: `Lets ${isolated(situation)} back onto the network, as it was before.`,
          reason: '',
        }
      : undefined,
  cli: { command: 'rejoin', description: 'Let it back onto the network' },
};

/** Long enough to look, short enough that a mistake made at night is over in the morning. */
const hostIsolationHours = 4;
const hourSeconds = 3_600;

export const isolateHost: AlertAction = {
  role: 'responder',
  group: 'network',
  effect: { network: { of: 'host', isOff: true, lastsMs: hostIsolationHours * hourSeconds * 1_000 } },
  act: () => ({ case: 'isolate', value: { host: true, seconds: hostIsolationHours * hourSeconds } }),
  words: {
    deed: 'cut off the network',
    noun: 'isolation of the host',
    route: `Takes the whole host off the network, but for the way to the installation; it ends by itself after ${String(hostIsolationHours)} hours`,
  },
  icon: 'network',
  isGrave: true,
  button: ({ hostName, offTheNetwork }) =>
    offTheNetwork.host
      ? undefined
      : {
          label: 'Isolate the host',
          consequence:
            `Drops every packet to and from ${hostName} and its containers, but those to this installation: services that it runs, and remote ` +
            `shells on it, end. Its processes go on. It lifts itself after ${String(hostIsolationHours)} hours.`,
          reason: '',
        },
  cli: {
    command: 'isolate',
    option: '--host',
    description: `the whole host, all but the way to this installation; it ends by itself after ${String(hostIsolationHours)} hours`,
  },
};

export const rejoinHost: AlertAction = {
  role: 'responder',
  group: 'network',
  effect: { network: { of: 'host', isOff: false } },
  act: () => ({ case: 'isolate', value: { host: true, lift: true } }),
  words: {
    deed: 'lift the isolation',
    noun: "end of the host's isolation",
    route: 'Lets the host back onto the network',
  },
  icon: 'network',
  button: ({ hostName, offTheNetwork }) =>
    offTheNetwork.host
      ? {
          label: "Lift the host's isolation",
          consequence: `Lets ${hostName} and its containers back onto the network, as they were before.`,
          reason: '',
        }
      : undefined,
  cli: { command: 'rejoin', option: '--host', description: 'the whole host' },
};

export const release: AlertAction = {
  role: 'responder',
  closedIn: ['released'],
  act: () => ({ case: 'release', value: {} }),
  words: { deed: 'release the attack', route: 'Lets it run and never acts on this evidence again' },
  icon: 'release',
  button: ({ where }) => ({
    label: 'Release',
    consequence: `Lets what is frozen ${where} run on, restores nothing, and never acts on this evidence again. For false alarms.`,
    reason: '',
  }),
  cli: { command: 'release', description: 'Thaw what is frozen; Norn will not fire again on the same evidence' },
};

export const archive: AlertAction = {
  role: 'analyst',
  closedIn: ['archived'],
  words: { deed: 'archive the alert', route: 'Takes the alert off the list of what is open' },
  icon: 'archive',
  button: () => ({
    label: 'Archive',
    consequence:
      'Takes the alert off the list of what is open. Nothing happens on the host; the alert and its evidence stay.',
    reason: '',
  }),
  cli: { command: 'archive', description: 'Close the alert' },
};
