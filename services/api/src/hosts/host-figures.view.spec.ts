import { create } from '@bufbuild/protobuf';
import { event } from '@norn/contracts';
import { hostFigures } from './host-figures.view.ts';

function figuresOf(health: Partial<event.AgentHealth>) {
  return hostFigures(create(event.AgentHealthSchema, health as never));
}

/** Shown elsewhere on the page, or what a share is of, or what is stored is compared with. */
const elsewhere =
  /^(newestEvent|baldurRss|tyrRss|vault|spool|events(Total|Lost)|baldurRestarts|uptime|sampling|isolated|unwatchedPlaces$|hooks(Refused|Failed)$|.*ByCode)/;

describe('an agent’s figures', () => {
  it('leave out what was never counted', () => {
    expect(figuresOf({})).toEqual([]);
    expect(figuresOf({ samples: 1n }).map(({ name }) => name)).toEqual(['Instructions executed']);
  });

  it('tell refusals by their code, and failures as a loss', () => {
    const [hooks] = figuresOf({ hooksRefusedByCode: { HOOK_GO: 2n }, hooksFailedByCode: { INJECT_BUSY: 1n } });
    expect(hooks?.figures.slice(-2)).toMatchObject([
      { name: 'refused: HOOK_GO', value: 2, loss: false },
      { name: 'failed: INJECT_BUSY', value: 1, loss: true },
    ]);
  });

  it('have the share of a core that looking at samples took', () => {
    const [instructions] = figuresOf({ samples: 1n, samplingUs: 16n, uptimeUs: 10_000n });
    expect(instructions?.figures.at(-1)).toMatchObject({ value: 0.0016, unit: 'share' });
  });

  it('are all that the agent’s health has', () => {
    const names = event.AgentHealthSchema.fields.map(({ localName }) => localName);
    const counted = names.filter((name) => !elsewhere.test(name));
    const missing = counted.filter((name) =>
      figuresOf({ [name]: 7n }).every(({ figures }) => figures.every(({ value }) => value === 0)),
    );
    expect(missing).toEqual([]);
  });
});
