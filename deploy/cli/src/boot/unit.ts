// What systemd is told of an installation or an agent that is to run from boot on: systemd.service(5), systemd.unit(5).
import { createHash } from 'node:crypto';

export interface BootPlan {
  /** The launcher of the checkout. */
  readonly launcher: string;
  readonly home: string;
  /** See supervisor.main.ts. */
  readonly flags: readonly string[];
  /** Its settings of now, for those of a shell are gone by then. */
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * What no part needs, nor what a part starts: other kernels and modules, the clock, the end of the machine. Neither mounts of its own, which would
 * hide the host's, nor a filter of calls: an agent that has one can not read those of whom it hooks.
 */
const confinement = [
  'NoNewPrivileges=yes',
  'CapabilityBoundingSet=~CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_BOOT CAP_SYS_TIME CAP_SYS_PACCT',
  'CapabilityBoundingSet=~CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_AUDIT_WRITE',
];

const usualHome = '/var/lib/norn';

/** Two on one machine have a unit each. */
export function unitNameOf(home: string): string {
  if (home === usualHome) return 'norn.service';
  return `norn-${createHash('sha256').update(home).digest('hex').slice(0, 8)}.service`;
}

/** Containers wait until it is ready, and for no longer than it may take. The agent goes on while its supervisor is started again. */
export function unitText({ launcher, home, flags, settings }: BootPlan): string {
  const environment = Object.entries({ ...settings, NORN_HOME: home }).map(
    ([name, value]) => `Environment=${quoted(`${name}=${value}`)}`,
  );
  return `${[
    '[Unit]',
    `Description=Norn, of ${asItIs(home)}`,
    'After=local-fs.target',
    'Before=docker.service containerd.service crio.service podman.service kubelet.service k3s.service',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=notify',
    'NotifyAccess=all',
    ...environment,
    `ExecStart=${[launcher, 'supervise', ...flags].map((word) => quoted(word).replace(/\$/g, '$$$$')).join(' ')}`,
    'Restart=always',
    'RestartSec=1',
    'TimeoutStartSec=180',
    'TimeoutStopSec=90',
    'WatchdogSec=20',
    'KillMode=process',
    ...confinement,
    `StandardOutput=append:${asItIs(home)}/logs/supervisor.log`,
    'StandardError=inherit',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ].join('\n')}\n`;
}

/** One word, as it is: neither a specifier nor an end of line. Variables are looked for in commands alone. */
function quoted(word: string): string {
  const kept = asItIs(word).replace(/[\\"]/g, '\\$&');
  return `"${kept.replace(/\n/g, '\\n')}"`;
}

function asItIs(text: string): string {
  return text.replace(/%/g, '%%');
}
