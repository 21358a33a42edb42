import { runCommand } from '@norn/embedded';
import { ensureDocker, ensureImage } from './docker.ts';

describe('docker for tests', () => {
  it('runs a shell in an image that is made here', async () => {
    await ensureDocker();
    const image = await ensureImage();
    expect(await runCommand('docker', ['run', '--rm', image, 'sh', '-c', 'echo from $(whoami)'])).toBe('from root\n');
  });
});
