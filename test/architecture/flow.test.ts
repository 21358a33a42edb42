import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TopicName, downlink, flow, stageNames, writers } from '@norn/bus';
import { parse } from 'yaml';
import { repository } from './repository.ts';

describe('the flow', () => {
  it('reads only what an earlier stage writes', () => {
    const written = new Set<string>();
    for (const stage of flow) {
      for (const topic of stage.consumes) expect([...written]).toContain(topic);
      for (const topic of stage.produces) written.add(topic);
    }
  });

  it('has exactly one edge back up, and it starts at the end of the flow', () => {
    for (const topic of downlink.consumes) {
      const producers = flow.filter((stage) => stage.produces.includes(topic)).map((stage) => stage.name);
      expect(producers).toEqual(['remediation']);
      expect(flow.filter((stage) => stage.consumes.includes(topic))).toEqual([]);
    }
  });

  it('is signed by the stages that write it, and by no other', () => {
    // Both halves of detection are one service; the tree's own snapshots are not of the flow.
    const signerOf = (stage: string): string => (stage === 'tenant-detection' ? 'detection' : stage);
    for (const topic of Object.keys(writers) as TopicName[]) {
      if (topic === 'deadLetter' || topic === 'lineageState') continue;
      const written = flow.filter(({ produces }) => produces.includes(topic)).map(({ name }) => signerOf(name));
      expect([topic, writers[topic]]).toEqual([topic, [...new Set(written)]]);
    }
    expect(writers.lineageState).toEqual(['process-tree']);
    expect(writers.deadLetter).toEqual([]);
  });

  it('has each of its services in services/, and in the installation of separate services', () => {
    const { services } = parse(readFileSync(join(repository, 'deploy/compose/compose.yaml'), 'utf8')) as {
      services: Readonly<Record<string, { command?: readonly string[] }>>;
    };
    const started = Object.values(services).flatMap(({ command = [] }) => command);
    const mains = [...stageNames, 'api'].map((name) => `/norn/services/${name}/src/main.ts`);
    expect(started.filter((path) => path.startsWith('/norn/services/')).sort()).toEqual(mains.sort());
    const folders = readdirSync(join(repository, 'services'));
    expect(folders.filter((name) => name !== 'console').sort()).toEqual([...stageNames, 'api'].sort());
  });
});
