// The real broker for a test: a folder and ports of its own.
import { freePorts, startKafka as startEmbedded, type RunningKafka } from '@norn/embedded';
import { takeFolder, type Disposable, type Restartable } from './folder.ts';

export type TestKafka = RunningKafka & Disposable & Restartable;

/** A broker with no topics. `stop()` ends it and removes what it kept; `kill()` and `restart()` are for bad days. */
export async function startKafka(): Promise<TestKafka> {
  const folder = takeFolder('kafka');
  const [broker = 0, controller = 0] = await freePorts(2);
  const start = (): Promise<RunningKafka> => startEmbedded({ home: folder.path, ports: { broker, controller } });
  return folder.hold(await start(), start);
}
