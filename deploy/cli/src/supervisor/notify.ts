// What systemd wants to hear of who it has started: sd_notify(3), systemd.service(5). Elsewhere nobody is told.
import { execFile } from 'node:child_process';
import { processEnvironment } from '@norn/config';

const notifier = 'systemd-notify';

export class Notify {
  private readonly environment: NodeJS.ProcessEnv = { ...processEnvironment() };
  private readonly socket = processEnvironment()['NOTIFY_SOCKET'] ?? '';

  constructor() {
    // What is started from here has nothing to say there.
    delete process.env['NOTIFY_SOCKET'];
    delete process.env['WATCHDOG_USEC'];
    delete process.env['WATCHDOG_PID'];
  }

  /** From now on it is missed when it says nothing for 20 s. */
  ready(): void {
    this.say('READY=1');
    // Half of what systemd waits, as it asks for.
    const everyMs = Number(this.environment['WATCHDOG_USEC'] ?? '0') / 2_000;
    if (everyMs <= 0) return;
    setInterval(() => {
      this.say('WATCHDOG=1');
    }, everyMs).unref();
  }

  stopping(): void {
    this.say('STOPPING=1');
  }

  /** A word that is lost is said again: systemd starts again whom it does not hear. */
  private say(word: string): void {
    if (this.socket === '') return;
    execFile(notifier, [word], { env: this.environment }, () => undefined);
  }
}
