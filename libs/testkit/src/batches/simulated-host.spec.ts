import { event, openBatch } from '@norn/contracts';
import { SimulatedHost } from './simulated-host.ts';

const filesFrom: number = event.EventKind.FILE_OPEN;
const networkFrom: number = event.EventKind.NET_CONNECT;

describe('a simulated host', () => {
  it('lives the same life from the same seed', () => {
    const [one, other] = [new SimulatedHost({ seed: 7, processes: 50 }), new SimulatedHost({ seed: 7, processes: 50 })];
    expect(one.snapshot()).toEqual(other.snapshot());
    expect(one.live()).toEqual(other.live());
  });

  it('does what real hosts do, in about their proportions', () => {
    const host = new SimulatedHost({ seed: 1, processes: 200 });
    host.snapshot();
    const share = { lifecycle: 0, files: 0, network: 0 };
    let total = 0;
    for (let n = 0; n < 20; n++) {
      for (const kind of openBatch(host.live(400)).columns.kind) {
        total += 1;
        if (kind < filesFrom) share.lifecycle += 1;
        else if (kind < networkFrom) share.files += 1;
        else share.network += 1;
      }
    }
    expect(share.lifecycle / total).toBeCloseTo(0.3, 1);
    expect(share.files / total).toBeCloseTo(0.62, 1);
    expect(share.network / total).toBeCloseTo(0.08, 1);
  });
});
