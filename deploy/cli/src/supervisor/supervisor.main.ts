// The process that holds an installation: starts its parts in order, starts again what ends, and ends them all.
import { copyFileSync, existsSync, readdirSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '@norn/base';
import { processIdentity, runCommand, type ProcessIdentity } from '@norn/embedded';
import { joinedSettings } from '../installation/joined-host.ts';
import {
  agentSettings,
  findInstallation,
  processSettings,
  registerFile,
  repository,
} from '../installation/installation.ts';
import { agentPart, endBaldur, stageParts, storeParts, type PartRecipe } from './parts.ts';
import { clearRunState, StateKeeper, writeRunState, type RunState } from '../installation/run-state.ts';
import { startTogether } from './start-together.ts';
import { Notify } from './notify.ts';
import { Supervised } from './supervised.ts';

const logBytesMax = 32 * 1024 * 1024;
const logCheckMs = 60_000;
const storeNames = new Set(['kafka', 'clickhouse', 'postgres']);
/** Of what the broker, the engine and the database write, each below its own folder. */
const otherLogs = ['kafka/broker.log', 'clickhouse/engine.log', 'postgres/server.log'];

const installation = findInstallation();
const systemd = new Notify();
const separate = process.argv.includes('--separate');
const withAgent = !process.argv.includes('--no-agent');
/** Of an installation that runs elsewhere. */
const agentOnly = process.argv.includes('--agent-only');
const supervised: Supervised[] = [];
let phase: RunState['phase'] = 'starting';
let message = '';
let sentencesLost = 0;
const keeper = new StateKeeper({
  write: () => {
    const parts = supervised.map(({ state }) => state);
    const portBase = installation.ports.api;
    writeRunState(installation, { supervisor: self(), phase, portBase, separate, message, parts });
  },
  tell: log,
});

function publish(sentence: string): void {
  message = sentence;
  log(sentence);
  keeper.save();
}

/** Without room the sentence is lost: a stream would end this process, and with it all. */
function log(sentence: string): void {
  try {
    writeSync(process.stdout.fd, `${new Date().toISOString()} ${sentence}\n`);
  } catch {
    sentencesLost += 1;
    return;
  }
  if (sentencesLost === 0) return;
  const lost = sentencesLost;
  sentencesLost = 0;
  log(`${lost} sentences before this one are lost: the log could not be written`);
}

function self(): ProcessIdentity {
  return processIdentity(process.pid) ?? { pid: process.pid, startTime: '' };
}

/** In parallel; the first that fails stops the start. */
async function startAll(recipes: readonly PartRecipe[]): Promise<void> {
  const added = recipes.map(({ name, start }) => new Supervised({ name, start, onChange: publish }));
  supervised.push(...added);
  const starting = added.map((part) => ({ name: part.state.name, start: () => part.start() }));
  await startTogether(starting, publish);
}

async function startAgent(environment: NodeJS.ProcessEnv): Promise<void> {
  publish('Starting the agent');
  await startAll([agentPart(installation, environment)]);
}

async function startInstallation(): Promise<void> {
  publish('Starting Kafka, ClickHouse and PostgreSQL');
  await startAll(storeParts(installation));
  if (separate) {
    publish('Preparing topics and tables');
    const prepare = join(repository, 'deploy/cli/src/supervisor/prepare.main.ts');
    await runCommand(process.execPath, ['--import', registerFile, prepare], { env: processSettings(installation) });
  }
  publish('Starting the stages and the API');
  await startAll(stageParts(installation, separate));
  if (withAgent) await startAgent(agentSettings(installation));
}

async function stopInstallation(): Promise<void> {
  phase = 'stopping';
  systemd.stopping();
  publish('Stopping');
  // What depends on others ends before them; the stores end together.
  const isStore = ({ state }: Supervised): boolean => storeNames.has(state.name);
  const stores = supervised.filter(isStore);
  for (const part of supervised.filter((one) => !isStore(one)).reverse()) await part.stop();
  await endBaldur(installation);
  await Promise.all(stores.map((part) => part.stop()));
  publish('Stopped');
}

// Processes hold their log open for appending: the content is moved, not the file.
function boundLogs(): void {
  const logs = readdirSync(installation.path('logs')).filter((name) => name.endsWith('.log'));
  for (const file of [
    ...logs.map((name) => installation.path('logs', name)),
    ...otherLogs.map((name) => installation.path(name)),
  ]) {
    try {
      boundLog(file);
    } catch (error) {
      log(`${file} could not be bounded: ${messageOf(error)}`);
    }
  }
}

/** Without room for the copy the older half is given up: a log that fills the disk helps nobody. */
function boundLog(file: string): void {
  if (!existsSync(file) || statSync(file).size < logBytesMax) return;
  try {
    copyFileSync(file, `${file}.1`);
  } catch (error) {
    rmSync(`${file}.1`, { force: true });
    log(`${file} is cut without a copy: ${messageOf(error)}`);
  }
  truncateSync(file);
}

function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, resolve);
  });
}

process.on('SIGHUP', () => undefined); // A closed terminal is no reason to stop.
// Nothing else keeps this process alive, neither its children nor a deadline for an answer: node would end it amid a start, with 13.
setInterval(() => undefined, 2 ** 30);
const signal = untilSignal();
try {
  const stopped = await Promise.race([
    agentOnly ? startAgent(joinedSettings(installation)) : startInstallation(),
    signal,
  ]);
  if (stopped === undefined) {
    phase = 'ready';
    publish('Ready');
    systemd.ready();
    setInterval(boundLogs, logCheckMs).unref();
    publish(`Stopping at ${await signal}`);
  }
  await stopInstallation();
  clearRunState(installation);
  process.exit(0);
} catch (error) {
  const reason = messageOf(error);
  await stopInstallation();
  phase = 'failed';
  publish(reason);
  process.exit(1);
}
