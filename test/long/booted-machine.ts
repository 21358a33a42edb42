// A machine that systemd runs, as far as a test can have one: the real systemd as the first process of namespaces of its own, with no unit of this
// machine and with a /run, a /tmp and control groups that nobody else sees.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from '../e2e/installation.ts';

export const systemd = '/lib/systemd/systemd';
const namespaces = ['--pid', '--mount', '--cgroup', '--uts', '--ipc', '--fork', '--kill-child', '--mount-proc'];
const readyWithinMs = 30_000;

// What systemd would do to the machine at boot (empty /tmp, set kernel settings, mount) stands in units and generators: there are none of either.
const boot = (units: string): string => `set -e
for folder in /run /tmp /sys/fs/cgroup /lib/systemd/system-generators /lib/systemd/system/*.target.wants; do
  mount -t tmpfs tmpfs "$folder"
done
mount --bind /dev/null /etc/fstab
mkdir -p /run/lock /sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd systemd /sys/fs/cgroup/systemd
mount --bind ${units} /etc/systemd/system
exec env container=norn-test ${systemd} --system --unit=multi-user.target --show-status=0
`;

export class BootedMachine {
  private readonly folder = mkdtempSync('/var/tmp/norn-machine-');
  private readonly units = join(this.folder, 'units');
  private outside: ChildProcess | undefined;

  constructor() {
    mkdirSync(this.units);
    writeFileSync(join(this.folder, 'boot.sh'), boot(this.units));
  }

  /** Until systemd has started all that it is to start. */
  async boot(): Promise<void> {
    this.outside = spawn('unshare', [...namespaces, '--propagation', 'private', 'sh', join(this.folder, 'boot.sh')], {
      stdio: 'ignore',
    });
    const giveUpAt = performance.now() + readyWithinMs;
    for (;;) {
      const { stdout } = await this.run('systemctl', 'is-system-running', '--wait').catch(() => ({ stdout: '' }));
      if (stdout.trim() === 'running') return;
      if (performance.now() > giveUpAt) throw new Error(`systemd is not up but "${stdout.trim()}"`);
      await sleep(200);
    }
  }

  /** As when its power goes. */
  async lose(): Promise<void> {
    const { outside } = this;
    if (outside === undefined) return;
    const gone = new Promise((resolve) => outside.once('exit', resolve));
    outside.kill('SIGKILL');
    await gone;
    this.outside = undefined;
  }

  installed(): string[] {
    return readdirSync(this.units).filter((name) => name.endsWith('.service'));
  }

  /** On the machine. */
  async run(...command: string[]): Promise<Answer> {
    const pid = String(this.firstPid());
    return new Promise((resolve) => {
      execFile('nsenter', ['-t', pid, '-a', ...command], { timeout: 600_000 }, (error, stdout, stderr) => {
        const code = error ? (typeof error.code === 'number' ? error.code : 1) : 0;
        resolve({ code, stdout, stderr });
      });
    });
  }

  async remove(): Promise<void> {
    await this.lose();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Its number outside; throws while there is none. */
  private firstPid(): number {
    const parent = this.outside?.pid ?? 0;
    const [child = ''] = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ');
    if (child === '') throw new Error('The machine is not up');
    return Number(child);
  }
}
