import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeInvitation } from '@norn/contracts';
import { givenInvitation } from './given-invitation.ts';

const invitation = {
  ingest: 'norn.example.com:7401',
  enrol: 'norn.example.com:7408',
  name: 'localhost',
  authority: 'ab'.repeat(32),
  token: 't'.repeat(43),
  hosts: 1,
  expiresAt: '2026-12-03T10:00:00.000Z',
};

describe('an invitation', () => {
  const folder = mkdtempSync(join(tmpdir(), 'norn-given-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('is taken from a file', async () => {
    const file = join(folder, 'invitation');
    writeFileSync(file, `${encodeInvitation(invitation)}\n`);
    expect(await givenInvitation(file)).toEqual(invitation);
  });

  it('is not taken from the command line, where everybody reads it', async () => {
    await expect(givenInvitation(encodeInvitation(invitation))).rejects.toThrow(
      /every user of this machine.*\| \.\/norn join -/,
    );
  });

  it('says what to give when there is none', async () => {
    await expect(givenInvitation(join(folder, 'none'))).rejects.toThrow(/ENOENT.*give a file/);
    writeFileSync(join(folder, 'empty'), '');
    await expect(givenInvitation(join(folder, 'empty'))).rejects.toThrow(/norn1/);
  });
});
