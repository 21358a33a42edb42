// Tasks with their progress: a live list on a terminal, plain lines elsewhere. What fails is told once, by whoever called.
import { Listr, type ListrTask } from 'listr2';

/** For tasks below a task: the renderers would print what failed for it and for each above it. */
export type ToldOnce = (task: ListrTask) => ListrTask;

/** Throws what the first task that failed threw. */
export async function runTasks(list: (toldOnce: ToldOnce) => ListrTask[]): Promise<void> {
  const problems: unknown[] = [];
  const toldOnce: ToldOnce = (one) => ({
    ...one,
    task: async (context, task) => {
      try {
        return (await one.task(context, task)) as unknown;
      } catch (error) {
        problems.push(error);
        throw new Error('see below', { cause: error });
      }
    },
  });
  try {
    await new Listr(list(toldOnce).map(toldOnce)).run();
  } catch (error) {
    throw problems[0] ?? error;
  }
}
