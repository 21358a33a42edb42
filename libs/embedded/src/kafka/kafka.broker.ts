// The broker's process: what its JVM is started with.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startPart, type Part } from '../process/part.ts';

/** A start takes seconds of processor time, and a busy machine gives it a tenth of one. */
const readyWithinMs = 180_000;

/**
 * When the second compiler is asked for a method, ten times later than by default: it alone knows the processor's AES, but what runs in the
 * first seconds it would compile for nothing (a fifth of a start's processor time).
 */
const compileLater = [
  '-XX:Tier4InvocationThreshold=50000',
  '-XX:Tier4MinInvocationThreshold=6000',
  '-XX:Tier4CompileThreshold=150000',
  '-XX:Tier4BackEdgeThreshold=400000',
];

/** Never: what one compiles for a broker that lives for seconds is a third of the processor time of its life. */
const compileOnce = ['-XX:TieredStopAtLevel=1'];

/** JVM flags up to the main class. `isBrief`: it lives for seconds, and is given little. */
export async function brokerArguments(folder: string, isBrief = false): Promise<string[]> {
  const classPath = await readFile(join(folder, 'class-path'), 'utf8');
  return [
    '-Xmx384m',
    '-XX:+UseSerialGC',
    ...(isBrief ? compileOnce : compileLater),
    // No file below /tmp that tells of it, and no door there.
    '-XX:-UsePerfData',
    '-XX:+DisableAttachMechanism',
    '-Xlog:cds=off',
    '-Xlog:cds+dynamic=off',
    `-Dlog4j2.configurationFile=${join(folder, 'log4j2.xml')}`,
    '-cp',
    classPath,
  ];
}

export function startBroker(home: string, args: readonly string[]): Promise<Part> {
  return startPart({
    name: 'kafka',
    command: 'java',
    args: [...args, 'kafka.Kafka', join(home, 'server.properties')],
    cwd: home,
    logFile: join(home, 'broker.log'),
    lockFile: join(home, 'broker.lock'),
    stopSignal: 'SIGTERM',
    isReady: (log) => log.includes('Kafka Server started'),
    readyWithinMs,
  });
}
