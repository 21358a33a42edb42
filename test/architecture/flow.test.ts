import { type TopicName, downlink, flow, writers } from '@norn/bus';

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
});
