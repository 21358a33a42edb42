// Keeps one healthy baldur: adopts the one that runs, starts one when there is none, ends one that hangs.
import type { local } from '@norn/contracts';
import { messageOf } from '@norn/base';
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { BackOff } from '../back-off.ts';
import { limits } from '../limits.ts';
import { type BaldurSettings, baldurArguments, stateOf } from './arguments.ts';
import { boundLog, openLog } from './bounded-log.ts';
import { type CapReport, capProcess } from './cgroup-cap.ts';
import { type ProcessName, isAlive, kill, processNamed, readPidFile, writePidFile } from './process.ts';

export interface SupervisorOptions extends BaldurSettings {
  readonly baldurPath: string;
  readonly logger: Logger;
  readonly nowMs: () => number;
  readonly cap?: (pid: number) => CapReport;
}

const checkEveryMs = 250;
/** A connection ends this much before its process does. */
const deathMs = 10;

export class Supervisor {
  private readonly backOff = new BackOff(limits.baldurRestartWait);
  private readonly cap: (pid: number) => CapReport;
  private running: ProcessName | undefined;
  private connected = false;
  private startedAtMs = 0;
  private heardAtMs = 0;
  private nextStartAtMs = 0;
  private timer: NodeJS.Timeout | undefined;
  /** The baldur that runs was given its cap, or there is none to give. */
  private isCapped = false;
  private stopped = false;
  restarts = 0;
  capReport: CapReport = { available: false, mechanism: '', detail: 'Baldur has not started yet' };

  constructor(private readonly options: SupervisorOptions) {
    this.cap = options.cap ?? ((pid) => capProcess(pid));
    mkdirSync(options.agentDir, { recursive: true, mode: 0o700 });
  }

  /** A baldur that runs has two seconds to connect before it counts as hung. */
  start(): void {
    const { nowMs, logger } = this.options;
    this.running = readPidFile(this.pidFile());
    if (this.running !== undefined) {
      // Counted back, so that the time it has is the time to adopt.
      this.startedAtMs = nowMs() - limits.baldurConnectMs + limits.baldurAdoptMs;
      logger.info({ pid: this.running.pid }, 'a baldur runs: waiting for it to connect');
    }
    this.timer = setInterval(() => {
      this.check();
    }, checkEveryMs);
    this.check();
  }

  onHello({ pid }: local.BaldurHello): void {
    this.connected = true;
    this.heardAtMs = this.options.nowMs();
    if (this.running?.pid !== pid || !this.isCapped) this.adopt(pid);
  }

  onHeartbeat({ responderAgeMs }: local.BaldurHeartbeat): void {
    this.heardAtMs = this.options.nowMs();
    if (this.wasHealthy()) this.backOff.reset();
    if (responderAgeMs > limits.responderAgeMaxMs) {
      this.end(`its permission responder has not looked at its queue for ${responderAgeMs} ms`);
    }
  }

  /** Most often because baldur died: who waits for the next look loses files meanwhile. */
  onGone(): void {
    this.connected = false;
    this.heardAtMs = this.options.nowMs();
    this.checkIn(deathMs);
  }

  /** Ends baldur too, unless it is to go on without tyr. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    const { running } = this;
    if (running === undefined) return;
    kill(running, 'SIGTERM');
    for (let waitedMs = 0; isAlive(running) && waitedMs < limits.baldurStopMs; waitedMs += 50) await sleep(50);
    kill(running, 'SIGKILL');
  }

  private checkIn(ms: number): void {
    setTimeout(() => {
      if (!this.stopped) this.check();
    }, ms).unref();
  }

  private check(): void {
    const nowMs = this.options.nowMs();
    boundLog(this.logFile(), limits.baldurLogBytesMax);
    if (this.running === undefined) {
      if (nowMs >= this.nextStartAtMs) this.launch();
      return;
    }
    if (!isAlive(this.running)) {
      this.gone(`baldur ${this.running.pid} ended`);
      return;
    }
    const silentMs = nowMs - this.heardAtMs;
    if (this.connected && silentMs > limits.baldurSilenceMs) this.end(`no heartbeat for ${silentMs} ms`);
    else if (!this.connected && nowMs - Math.max(this.startedAtMs, this.heardAtMs) > limits.baldurConnectMs) {
      this.end('it has not connected');
    }
  }

  private end(reason: string): void {
    if (this.running === undefined || this.stopped) return;
    this.options.logger.error({ code: 'baldur_hung', pid: this.running.pid }, `ending baldur: ${reason}`);
    kill(this.running, 'SIGKILL');
    this.gone('killed');
  }

  private gone(reason: string): void {
    const waitMs = this.restarts === 0 || this.wasHealthy() ? 0 : this.backOff.nextMs();
    this.running = undefined;
    this.isCapped = false;
    this.connected = false;
    this.restarts++;
    this.nextStartAtMs = this.options.nowMs() + waitMs;
    this.options.logger.warn({ code: 'baldur_gone', waitMs, restarts: this.restarts }, reason);
    this.checkIn(waitMs);
  }

  private wasHealthy(): boolean {
    return this.heardAtMs - this.startedAtMs > limits.baldurHealthyMs;
  }

  private launch(): void {
    const { baldurPath, agentDir, logger, nowMs } = this.options;
    // Not configured: one that is started by hand connects and is adopted.
    if (baldurPath === '' || this.stopped) return;
    const log = openLog(this.logFile());
    try {
      mkdirSync(stateOf(agentDir), { recursive: true, mode: 0o700 });
      // Its own process group and no pipe to tyr: it goes on protecting when tyr dies.
      const child = spawn(baldurPath, baldurArguments(this.options), {
        detached: true,
        stdio: ['ignore', log, log],
        cwd: '/',
      });
      child.unref();
      child.once('error', (error) => {
        logger.error({ code: 'baldur_not_started', err: error }, `${baldurPath} can not be started: ${error.message}`);
      });
      this.startedAtMs = nowMs();
      this.heardAtMs = this.startedAtMs;
      if (child.pid === undefined) this.gone(`${baldurPath} did not start`);
      else this.adopt(child.pid);
    } catch (error) {
      this.gone(messageOf(error));
    } finally {
      closeSync(log);
    }
  }

  private adopt(pid: number): void {
    const adopted = processNamed(pid);
    if (adopted === undefined) {
      this.gone(`baldur ${pid} ended at once: see ${this.logFile()}`);
      return;
    }
    const other = this.running;
    this.running = adopted;
    if (other !== undefined && other.pid !== pid) kill(other, 'SIGKILL');
    writePidFile(this.pidFile(), adopted);
    this.capReport = this.cap(pid);
    this.isCapped = true;
    this.options.logger.info({ pid, cap: this.capReport }, 'baldur runs');
  }

  private pidFile(): string {
    return join(this.options.agentDir, 'baldur.pid');
  }

  private logFile(): string {
    return join(this.options.agentDir, 'baldur.log');
  }
}
