import { show } from './run.ts';

describe('a run of tests', () => {
  it('ends when it ends, whatever it left running', async () => {
    const left = 'sleep 60 & echo $!; exit 3';
    const { exitCode, output } = await show('sh', ['-c', left], '/', ['pipe', 'inherit']);
    expect(exitCode).toBe(3);
    process.kill(Number(output), 'SIGKILL');
  });
});
