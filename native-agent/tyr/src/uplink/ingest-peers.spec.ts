import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { IngestPeers } from './ingest-peers.ts';

describe('IngestPeers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'norn-peers-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
  const logger = pino({ level: 'silent' });
  const create = (file: string, answers: (readonly string[] | Error)[], at: { address?: string; name?: string } = {}) =>
    new IngestPeers({
      address: 'ingest.norn:7401',
      ...at,
      file: join(folder, file),
      logger,
      lookup: () => {
        const answer = answers.shift() ?? new Error('nobody to ask');
        if (answer instanceof Error) return Promise.reject(answer);
        return Promise.resolve(answer.map((ip) => ({ address: ip })));
      },
    });

  it('tells of every address, and of a change once', async () => {
    const peers = create('change', [['10.0.0.8', '10.0.0.7'], ['10.0.0.7', '10.0.0.8'], ['fd00::7']]);
    expect(peers.peers).toEqual([]);
    expect(await peers.refresh()).toBe(true);
    expect(peers.peers).toEqual(['10.0.0.7:7401', '10.0.0.8:7401']);
    expect(await peers.refresh()).toBe(false);
    expect(await peers.refresh()).toBe(true);
    expect(peers.peers).toEqual(['[fd00::7]:7401']);
    expect(peers.target()).toEqual({ address: 'ingest.norn:7401' });
  });

  it('connects to the last address while there is nobody to ask, also after a restart', async () => {
    const before = create('kept', [['10.0.0.7']]);
    await before.refresh();
    const after = create('kept', [new Error('EAI_AGAIN'), ['10.0.0.9']]);
    expect(await after.refresh()).toBe(false);
    expect(after.target()).toEqual({ address: 'ipv4:10.0.0.7:7401', name: 'ingest.norn' });
    expect(after.peers).toEqual(['10.0.0.7:7401']);
    await after.refresh();
    expect(after.target()).toEqual({ address: 'ingest.norn:7401' });
  });

  it('expects the name that is given, by name and by address', async () => {
    const named = (answers: (readonly string[] | Error)[]): IngestPeers =>
      create('named', answers, { address: 'norn.example.com:7401', name: 'localhost' });
    const peers = named([['10.0.0.7'], new Error('EAI_AGAIN')]);
    await peers.refresh();
    expect(peers.target()).toEqual({ address: 'norn.example.com:7401', name: 'localhost' });
    await peers.refresh();
    expect(peers.target()).toEqual({ address: 'ipv4:10.0.0.7:7401', name: 'localhost' });
  });

  it('has an address of its own where no name is given', async () => {
    const peers = create('plain', [['::1']], { address: '[::1]:7401' });
    await peers.refresh();
    expect(peers.peers).toEqual(['[::1]:7401']);
    expect(peers.target()).toEqual({ address: '[::1]:7401' });
  });
});
