// Tenants and hosts as enrolment and the agents' facts leave them, for tests.
import { Host, ensureTenant } from '@norn/store';
import { idOf } from '../attack-builder.ts';
import type { Databases, Home } from '../store-attack.ts';
import { webContainer } from './web-container.ts';

const ms = 1000;

export async function seedTenant(databases: Databases, tenantId: string): Promise<void> {
  await databases.control.transaction((manager) => ensureTenant(manager, tenantId));
}

interface HostFacts {
  readonly name: string;
  readonly lastSeenMsAgo?: number;
  readonly weak?: boolean;
}

/** Of an agent that hooks a few programs. */
const health = {
  baldurRssBytes: '29360128',
  tyrRssBytes: '71303168',
  eventsTotal: '48210733',
  eventsLost: '0',
  vaultBytes: '188743680',
  vaultFiles: '12404',
  vaultBytesMax: '1073741824',
  vaultRestorable: '12391',
  vaultEvicted: '4',
  vaultTooLarge: '9',
  mountsWatched: '3',
  uptimeUs: '86400000000',
  samples: '4233600',
  loopsDecoded: '864000',
  samplingUs: '129600000',
  processesHooked: '3',
  hooksInjected: '41',
  hooksRefusedByCode: { HOOK_STATIC: '6', HOOK_GO: '2' },
  hooksFailedByCode: { INJECT_BUSY: '1' },
  hookedCalls: '80412',
  hookedCallsLost: '12',
  hookPreimagesKept: '377',
};

export async function seedHost(
  { control }: Databases,
  tenantId: string,
  { name, lastSeenMsAgo = 0, weak = false }: HostFacts,
): Promise<Home> {
  const hostId = `host-${idOf(`${tenantId} ${name}`, 16)}`;
  const capability = (of: string, mechanism: string, detail = '', available = true): object => ({
    name: of,
    available,
    mechanism,
    detail,
    verified: available,
  });
  await control.manager.save(Host, {
    id: hostId,
    tenantId,
    name,
    machineId: idOf(name),
    revokedBefore: null,
    lastSeenAt: new Date(Date.now() - lastSeenMsAgo),
    facts: {
      hostname: name,
      os: 'Debian GNU/Linux 12',
      kernel: '6.18.5',
      agentVersion: '0.1.0',
      containers: [
        {
          containerId: webContainer.id,
          name: webContainer.name,
          image: webContainer.image,
          runtime: 'docker',
          startedAtUs: String((Date.now() - 9 * 3_600_000) * ms),
        },
      ],
      capabilities: [
        capability('process.lifecycle', 'tp_btf'),
        capability('process.snapshot', 'iter/task'),
        capability('file.change', 'tracepoint'),
        weak
          ? capability(
              'file.preimage.container',
              '',
              'fanotify permission events are not compiled into this kernel',
              false,
            )
          : capability(
              'file.preimage.container',
              'fanotify',
              'The mark on the root file system covers containers that start later',
            ),
        capability('file.preimage.host', 'fanotify', 'Protects /home, /srv and /var/www'),
        capability('network.connection', 'cgroup'),
        capability('response.kill', 'pidfd'),
        capability('response.kill-at-exec', 'bpf_send_signal'),
        capability('file.deny', '', 'BPF LSM can not be loaded here (EPERM)', false),
      ],
      health,
    },
  });
  return { tenantId, hostId };
}
