// Several members of storage under load, of which one comes and goes while ClickHouse stands still: what must be true of the rows then.
import { setTimeout as sleep } from 'node:timers/promises';
import { openBatch } from '@norn/contracts';
import { SimulatedHost } from '@norn/testkit';
import type { StageProcess } from '../remediation/stage-process.ts';
import { type StageTrial, eventually } from './stage-trial.ts';

const hosts = 8;
const eventsOfBatch = 200;
/** Batches that come again, as from a producer that lost the broker's answer. */
const repeatedEvery = 7;

/** Sends `lineage` until it is ended, and knows how many events that were. */
export class StorageLoad {
  private readonly lives = Array.from(
    { length: hosts },
    (_, n) => new SimulatedHost({ seed: 100 + n, processes: 60, startUs: Date.now() * 1000 }),
  );
  private readonly sent: Promise<void>;
  private ended = false;
  /** Of different batches. */
  events = 0;

  /** `pauseMs`: between two rounds of all hosts. */
  constructor(
    private readonly trial: StageTrial,
    pauseMs: number,
  ) {
    this.sent = this.send(pauseMs);
  }

  /** Resolves when all is in Kafka. */
  async end(): Promise<void> {
    this.ended = true;
    await this.sent;
  }

  private async send(pauseMs: number): Promise<void> {
    for (let round = 0; !this.ended; round++) {
      const records = this.lives.flatMap((host, n) => {
        const value = host.live(eventsOfBatch);
        this.events += openBatch(value).eventCount;
        const record = { key: `default:member-${n}`, value, headers: { tenant: 'default', schema: '1' } };
        return (round + n) % repeatedEvery === 0 ? [record, record] : [record];
      });
      await this.trial.producer.send('lineage', records);
      await sleep(pauseMs);
    }
  }
}

export interface Stored {
  readonly rows: number;
  readonly different: number;
}

/** Rows of all hosts; cheap. */
async function rowsOf(trial: StageTrial): Promise<number> {
  const [row] = await trial.reader.select<{ rows: string }>({
    select: ['count() AS rows'],
    from: 'events',
    where: ["host_id LIKE 'member-%'"],
  });
  return Number(row?.rows ?? 0);
}

/** Host by host: all at once is more than a slow machine counts in the time of a query. */
async function storedOf(trial: StageTrial): Promise<Stored> {
  let [rows, different] = [0, 0];
  for (let n = 0; n < hosts; n++) {
    const [row] = await trial.reader.select<{ rows: string; different: string }>({
      select: ['count() AS rows', 'uniqExact(stream_id, batch_seq, row) AS different'],
      from: 'events',
      where: [`host_id = 'member-${n}'`],
    });
    rows += Number(row?.rows ?? 0);
    different += Number(row?.different ?? 0);
  }
  return { rows, different };
}

/** Waits until the group has read all of the load, and as many rows as that are there. */
export async function allStored(trial: StageTrial, load: StorageLoad): Promise<Stored> {
  const unread = async (): Promise<number> => {
    const [ends, read] = await Promise.all([trial.ends('lineage'), trial.committed('lineage', 'norn.storage')]);
    return [...ends].reduce((sum, [partition, end]) => sum + end - (read.get(partition) ?? 0), 0);
  };
  await eventually(unread, (left) => left === 0);
  // What is committed is stored; what is missing then stays so, and is told of by the comparison.
  await eventually(
    () =>
      rowsOf(trial).then(
        () => true,
        () => false,
      ),
    (isAnswered) => isAnswered,
  );
  expect(await rowsOf(trial)).toBeGreaterThanOrEqual(load.events);
  return storedOf(trial);
}

/** ClickHouse does not answer for `forMs`. */
export async function holdUpClickHouse(trial: StageTrial, forMs: number): Promise<void> {
  const { pid } = trial.clickhouse;
  process.kill(pid, 'SIGSTOP');
  await sleep(forMs);
  process.kill(pid, 'SIGCONT');
}

/** ClickHouse answers in spurts until `done`: at whatever moment the group changes, inserts are on their way. */
async function slowClickHouse(trial: StageTrial, done: Promise<void>): Promise<void> {
  const ended = new AbortController();
  const joined = done.finally(() => {
    ended.abort();
  });
  while (!ended.signal.aborted) {
    await holdUpClickHouse(trial, 600);
    await sleep(150);
  }
  await joined;
}

/** The member joins and then leaves, `leave` says how; ClickHouse is slow until it has joined, and stands still when it has and when it leaves. */
export async function comeAndGo(
  trial: StageTrial,
  member: StageProcess,
  { leave, stillMs }: { readonly leave: 'SIGTERM' | 'SIGKILL'; readonly stillMs: number },
): Promise<void> {
  await member.start();
  await slowClickHouse(trial, member.joined());
  await holdUpClickHouse(trial, stillMs);
  const still = holdUpClickHouse(trial, stillMs);
  await (leave === 'SIGTERM' ? member.stop() : member.kill());
  await still;
}
