// What who waits for a host is told, and when it ends.
import type { ShownCommand } from '@norn/contracts';
import { untilDone } from './until-done.ts';

const commandIn = (state: string): ShownCommand =>
  ({ id: 'c1', alertId: 'a1', state, summary: `Admin asked to kill; ${state}` }) as ShownCommand;

/** An installation whose host has the command in the state that its age, s, has here. */
async function waitFor(
  stateAt: (seconds: number) => string,
): Promise<{ state: string; told: string[]; asked: string[] }> {
  let nowMs = 0;
  const time = { now: () => nowMs, sleep: (ms: number): Promise<unknown> => Promise.resolve((nowMs += ms)) };
  const [told, asked]: [string[], string[]] = [[], []];
  const written = jest.spyOn(process.stderr, 'write').mockImplementation((text) => told.push(String(text)) > 0);
  const get = <Answer>(path: string): Promise<Answer> => {
    asked.push(path);
    const newer = { ...commandIn('succeeded'), id: 'c2' };
    return Promise.resolve({ commands: [newer, commandIn(stateAt(nowMs / 1000))] } as Answer);
  };
  try {
    const done = untilDone({ get }, commandIn('requested'), time).then(({ state }) => state, String);
    return { state: await done, told, asked };
  } finally {
    written.mockRestore();
  }
}

describe('waiting for a host', () => {
  it('says nothing of what is done at once, and asks for the commands of the alert alone', async () => {
    const { state, told, asked } = await waitFor((seconds) => (seconds > 1 ? 'succeeded' : 'running'));
    expect([state, told, new Set(asked)]).toEqual(['succeeded', [], new Set(['/commands?alert=a1&limit=50'])]);
  });

  it('tells of what takes long, and of each change', async () => {
    const { state, told } = await waitFor((seconds) => (seconds > 8 ? (seconds > 20 ? 'failed' : 'running') : 'sent'));
    expect(state).toBe('failed');
    expect(told.map((line) => line.replace(/after \d+ s/, 'after'))).toEqual([
      'after: Admin asked to kill; sent\n',
      'after: Admin asked to kill; running\n',
      'after: Admin asked to kill; running\n',
    ]);
  });

  it('ends with what to look at when the host says nothing', async () => {
    const { state, told } = await waitFor(() => 'sent');
    expect(state).toMatch(/still sent: is the host connected\? \.\/norn hosts/);
    expect(told.length).toBeGreaterThan(9);
  });
});
