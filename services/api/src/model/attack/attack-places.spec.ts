// Where an alert happened, by name.
import { create } from '@bufbuild/protobuf';
import { finding } from '@norn/contracts';
import type { ControlPlane } from '../control-plane.ts';
import { Telemetry } from '../telemetry.port.ts';
import type { Attack } from './attack.ts';
import { AttackPlaces } from './attack-places.ts';

/** A fake of the control plane: two hosts have names. */
const control = {
  hostNames: () =>
    Promise.resolve(
      new Map([
        ['h1', 'web-1'],
        ['h2', 'web-2'],
      ]),
    ),
} as unknown as ControlPlane;

/** A fake that has nothing stored. */
class NothingStored extends Telemetry {
  rows<Row>(): Promise<Row[]> {
    return Promise.resolve([]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const attack = (hostIds: string[]): Attack =>
  ({
    handling: { hostId: 'h2' },
    alert: create(finding.AlertSchema, { findings: [{ hostIds }, { hostIds: hostIds.slice(0, 1) }] }),
  }) as unknown as Attack;

describe('the place of an alert', () => {
  const placeOf = async (hostIds: string[]) => {
    const places = new AttackPlaces(control, new NothingStored());
    return (await places.of('default', [attack(hostIds)]))(attack(hostIds));
  };

  it('is all hosts of what was counted over several, each once, by its name where it has one', async () => {
    expect(await placeOf(['h1', 'h3', 'h2'])).toMatchObject({
      hostName: 'web-2',
      hosts: [
        { hostId: 'h1', hostName: 'web-1' },
        { hostId: 'h3', hostName: 'h3' },
        { hostId: 'h2', hostName: 'web-2' },
      ],
    });
  });

  it('is its own host alone otherwise', async () => {
    expect(await placeOf([])).toMatchObject({ hostName: 'web-2', hosts: [] });
  });
});
