// A container with the agent inside it that goes on, and what it has said.
import { setTimeout as sleep } from 'node:timers/promises';
import { call, imageOf, type Kind } from './images.ts';

export interface Started {
  readonly name: string;
  /** Until a line begun after this call holds it. */
  untilLine(text: string): Promise<void>;
  restart(): Promise<void>;
  end(): Promise<void>;
}

export interface Start {
  readonly kind: Kind;
  /** Of `docker run`. */
  readonly options: readonly string[];
  /** Of `baldur run`. */
  readonly agent?: readonly string[];
  readonly command: readonly string[];
}

let started = 0;

export async function start({ kind, options, agent = [], command }: Start): Promise<Started> {
  const name = `norn-inside-${String(process.pid)}-${String(++started)}`;
  const args = ['run', '--detach', '--name', name, ...options, '--entrypoint', '/baldur', imageOf(kind), 'run'];
  await call('docker', [...args, ...agent, '--', ...command]);
  const lines = async (): Promise<string[]> => (await call('docker', ['logs', name])).stdout.split('\n').slice(0, -1);
  return {
    name,
    untilLine: async (text) => {
      // The line that is being made now began before.
      const from = (await lines()).length + 1;
      while (!(await lines()).slice(from).some((line) => line.includes(text))) {
        const { stdout } = await call('docker', ['inspect', '--format', '{{.State.Running}}', name]);
        if (stdout.trim() !== 'true') {
          const { stderr } = await call('docker', ['logs', name]);
          throw new Error(`It ended before it said "${text}": ${stderr}`);
        }
        await sleep(100);
      }
    },
    restart: async () => {
      await call('docker', ['restart', '--time', '1', name]);
    },
    end: async () => {
      await call('docker', ['rm', '--force', name]);
    },
  };
}
