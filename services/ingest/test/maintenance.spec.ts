import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { event, maintenanceDigest } from '@norn/contracts';
import { tryIngest } from './ingest-trial.ts';
import type { TestHost } from './test-host.ts';

const trial = tryIngest();
const stop = { runId: new Uint8Array(16).fill(1), proof: new Uint8Array(32).fill(2) };
const told = { run: '01'.repeat(16), proof: '02'.repeat(32) };

function say(host: TestHost, facts: MessageInitShape<typeof event.HostFactsSchema> = {}): Promise<void> {
  return host.untilAcked(host.send({ case: 'facts', value: create(event.HostFactsSchema, facts) }));
}

const digests = ({ heard }: TestHost): Uint8Array[] =>
  heard.flatMap((message) => (message.case === 'maintenance' ? [message.value.tokenSha256] : []));

it('tells a host once by what its token is known, and a container nothing', async () => {
  const { identity, host } = await trial.connectKnown();
  await say(host);
  await say(host);
  await host.until(() => digests(host).length > 0);
  await say(host);
  expect(digests(host)).toEqual([Buffer.from(maintenanceDigest(`token-0-of-${identity.hostId}`))]);
  const container = trial.connect(await trial.known({}, { inside: true }));
  await say(container);
  expect(digests(container)).toEqual([]);
});

it('takes the word of a stop that nobody heard before it tells by what the next token is known', async () => {
  const { identity, host } = await trial.connectKnown();
  await say(host, { tokenStop: stop });
  await host.until(() => digests(host).length > 0);
  expect(digests(host)).toEqual([Buffer.from(maintenanceDigest(`token-1-of-${identity.hostId}`))]);
  expect(trial.registry.stops).toEqual([{ hostId: identity.hostId, ...told }]);
});

it('tells a host that goes nothing, since it may just have used its token up', async () => {
  const { host } = await trial.connectKnown();
  await say(host, { leaving: event.Leaving.STOPPED });
  await say(host, { leaving: event.Leaving.STOPPED });
  expect(digests(host)).toEqual([]);
});

it('tells nothing while the control plane has not taken that word, and asks again at the next facts', async () => {
  const { host } = await trial.connectKnown();
  trial.registry.deafTurns = 1;
  await say(host, { tokenStop: stop });
  expect([digests(host), trial.registry.stops]).toEqual([[], []]);
  await say(host, { tokenStop: stop });
  await host.until(() => digests(host).length > 0);
  expect(trial.registry.stops).toHaveLength(1);
});

it('takes no word of a stop that can be none', async () => {
  const { host } = await trial.connectKnown();
  await say(host, { tokenStop: { ...stop, proof: new Uint8Array(3) } });
  await host.until(() => digests(host).length > 0);
  expect(trial.registry.stops).toEqual([]);
});
