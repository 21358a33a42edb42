import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../installation/installation.ts';
import { agentCapabilities } from './agent-capabilities.ts';

it('leaves the agent what it keeps by itself, and what it gives the rest up with', () => {
  const source = readFileSync(join(repository, 'native-agent/crates/tamper/src/rights.rs'), 'utf8');
  const kept = [...source.matchAll(/^ +\d+, +\/\/ ([A-Z_]+)/gm)].map(([, name = '']) => name.toLowerCase());
  expect(kept.length).toBeGreaterThan(10);
  expect([...agentCapabilities].sort()).toEqual([...kept, 'setpcap'].sort());
});
