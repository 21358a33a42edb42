// Parts that need nothing of each other start at once; whoever waits is told now and then what is still missing.
import { messageOf } from '@norn/base';

const tellEveryMs = 15_000;

export interface Starting {
  readonly name: string;
  readonly start: () => Promise<void>;
}

/** Throws what the first that failed threw, once all are decided. */
export async function startTogether(
  parts: readonly Starting[],
  tell: (sentence: string) => void,
  everyMs = tellEveryMs,
): Promise<void> {
  const begun = performance.now();
  const waiting = new Set(parts.map(({ name }) => name));
  const failures: string[] = [];
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - begun) / 1000);
    tell([`Still waiting for ${[...waiting].join(', ')}, for ${seconds} s so far`, ...failures].join('; '));
  }, everyMs);
  const one = async ({ name, start }: Starting): Promise<void> => {
    try {
      await start();
    } catch (error) {
      failures.push(`${name} did not start (${messageOf(error)})`);
      throw error;
    } finally {
      waiting.delete(name);
    }
  };
  const results = await Promise.allSettled(parts.map(one));
  clearInterval(timer);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
