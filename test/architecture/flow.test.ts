import { downlink, flow } from '@norn/bus';

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
});
