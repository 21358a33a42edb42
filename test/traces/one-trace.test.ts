// One trace from the agent's batch to the alert, the command and its outcome, and one from a person's click to what the host says
// of it: read from the files that the real exporters of real processes write.
import { create, fromBinary } from '@bufbuild/protobuf';
import { BatchWriter, action, event } from '@norn/contracts';
import { reflexFinding, process as simulatedProcess } from '@norn/detection/simulated-host';
import { AlertHandling, CommandRecord } from '@norn/store';
import type { TraceLine } from '@norn/telemetry';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TracedInstallation, startTracedInstallation } from './traced-installation.ts';

const eventsInBatch = 40;
/** As the first test lists them. */
const spansOfAttack = 18;
let installation: TracedInstallation;

beforeAll(async () => {
  installation = await startTracedInstallation();
});

afterAll(async () => {
  await installation.close();
});

interface Cause {
  readonly traceId: string;
  readonly spanId: string;
  readonly header: string;
}

function aCause(flags = '01'): Cause {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceId, spanId, header: `00-${traceId}-${spanId}-${flags}` };
}

/** A batch in which the agent has stopped an encryptor, without what the sender fills in. */
function attackBatch(name: string, traceparent: string) {
  const shell = simulatedProcess('sh', undefined, { imagePath: '/bin/sh', commandLine: 'sh -c id' });
  const encryptor = simulatedProcess(name, shell);
  const writer = new BatchWriter();
  for (let at = 0; at < eventsInBatch; at += 1) {
    writer.add({
      kind: event.EventKind.FILE_OPEN,
      path: `/srv/${at}`,
      flags: 1,
      process: encryptor,
      timeUs: Date.now() * 1000,
    });
  }
  const finding = reflexFinding(Buffer.from(name).toString('hex'), encryptor, { timeUs: BigInt(Date.now()) * 1000n });
  const { streamId } = installation.baldur;
  const bytes = writer.finish({ streamId, batchSeq: 1, findings: [finding], traceparent });
  const { columns, columnsSize, eventCount, baseTimeUs, findings } = fromBinary(event.EventBatchSchema, bytes);
  return { columns, columnsSize, eventCount, baseTimeUs, findings, traceparent };
}

async function until<T>(read: () => Promise<T> | T, isIt: (value: T) => boolean, what: string): Promise<T> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const value = await read();
    if (isIt(value)) return value;
    if (performance.now() > deadline) throw new Error(`${what} within a minute, but ${JSON.stringify(value)}`);
    await sleep(100);
  }
}

let commandsRun = 0;

/** Answers as baldur does: it runs the command, then has run it. */
async function runNextCommand(): Promise<void> {
  const { baldur } = installation;
  const commands = await until(
    () => baldur.commands(),
    (all) => all.length > commandsRun,
    'A command should reach baldur',
  );
  const command = commands[commandsRun]!;
  commandsRun += 1;
  const { RUNNING, SUCCEEDED } = action.OutcomeState;
  for (const state of [RUNNING, SUCCEEDED]) {
    baldur.sendOutcome(
      create(action.OutcomeSchema, { commandId: command.id, alertId: command.alertId, state, code: 'ok' }),
    );
  }
  await until(
    () => installation.control.manager.findOneByOrFail(CommandRecord, { id: command.id }),
    ({ state }) => state === 'succeeded',
    'The command should be known to have succeeded',
  );
}

async function spansOf({ traceId }: Cause, count: number): Promise<TraceLine[]> {
  return until(
    () => installation.spans().filter((span) => span.traceId === traceId),
    (spans) => spans.length >= count,
    `${count} spans should be exported`,
  );
}

/** "detection lineage < process-tree enriched": each span with what caused it, by name. */
function links(spans: readonly TraceLine[], { spanId, header }: Cause): string[] {
  const names = new Map([[spanId, header], ...spans.map((span) => [span.spanId, span.name] as const)]);
  return spans.map(({ name, parentSpanId }) => `${name} < ${names.get(parentSpanId) ?? 'nothing known'}`).sort();
}

function attributesOf(spans: readonly TraceLine[], name: string): TraceLine['attributes'] {
  return spans.find((span) => span.name === name)?.attributes ?? {};
}

const ofOutcomes = (command: string): string[] => [
  `ingest commands < ${command}`,
  // Delivered, as tyr says; running and succeeded, as baldur does.
  ...Array.from({ length: 3 }, () => 'ingest outcomes < ingest commands'),
  ...Array.from({ length: 3 }, () => 'remediation outcomes < ingest outcomes'),
  ...Array.from({ length: 3 }, () => 'storage outcomes < ingest outcomes'),
];

it('runs from the batch to the alert, the command that policy makes of it, and its outcome', async () => {
  const cause = aCause();
  installation.baldur.sendBatches(1, attackBatch('encryptor', cause.header));
  await runNextCommand();
  const expected = [
    `ingest raw < ${cause.header}`,
    'enrichment raw < ingest raw',
    'process-tree enriched < enrichment raw',
    'detection lineage < process-tree enriched',
    'storage lineage < process-tree enriched',
    'storage findings < detection lineage',
    'storage alerts < detection lineage',
    'remediation alerts < detection lineage',
    ...ofOutcomes('remediation alerts'),
  ].sort();
  const spans = await spansOf(cause, spansOfAttack);
  expect(links(spans, cause)).toEqual(expected);
  // Each stage was a process of its own.
  for (const { name, service } of spans) expect(name.split(' ')[0]).toBe(service);
  expect(spans.filter(({ error }) => error !== '')).toEqual([]);
});

it('names what happened as OpenTelemetry does, one span for all the events of a batch', async () => {
  const cause = aCause();
  installation.baldur.sendBatches(1, attackBatch('encryptor-2', cause.header));
  await runNextCommand();
  const spans = await spansOf(cause, spansOfAttack);
  const owner = { 'norn.tenant': 'default', 'norn.host': expect.stringMatching(/^host-/) };
  expect(spans.filter(({ name }) => name === 'ingest raw')).toEqual([
    expect.objectContaining({
      kind: 'PRODUCER',
      attributes: {
        ...owner,
        'messaging.system.name': 'kafka',
        'messaging.operation.name': 'send',
        'messaging.operation.type': 'send',
        'messaging.destination.name': 'norn.raw.v1',
        'norn.batch_seq': 2,
        'norn.events': eventsInBatch,
      },
    }),
  ]);
  expect(spans.filter(({ name }) => name === 'detection lineage')).toEqual([
    expect.objectContaining({
      kind: 'CONSUMER',
      attributes: {
        ...owner,
        'messaging.system.name': 'kafka',
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.destination.name': 'norn.lineage.v1',
        'messaging.destination.partition.id': expect.stringMatching(/^\d+$/),
        'messaging.consumer.group.name': 'norn.detection',
        'kafka.offset': expect.any(Number),
        'norn.findings': 1,
        'norn.alerts': 1,
      },
    }),
  ]);
  expect(attributesOf(spans, 'remediation alerts')).toMatchObject({ 'norn.alert': expect.any(String) });
});

it('is not written of a batch that nobody sampled', async () => {
  const cause = aCause('00');
  installation.baldur.sendBatches(1, attackBatch('encryptor-3', cause.header));
  await runNextCommand();
  // Spans are exported in their order: when those of a later batch are there, so are all before them.
  const later = aCause();
  installation.baldur.sendBatches(1, attackBatch('encryptor-4', later.header));
  await runNextCommand();
  await spansOf(later, spansOfAttack);
  expect(installation.spanText()).not.toContain(cause.traceId);
});

describe('a person’s request', () => {
  let tokens: { bearer: string; login: string };

  beforeAll(async () => {
    tokens = await installation.tokens();
    await until(
      () =>
        fetch(`${installation.url}/healthz`).then(
          () => true,
          () => false,
        ),
      Boolean,
      'The API should answer',
    );
  });

  const ask = (path: string, cause?: Cause, method = 'GET'): Promise<Response> =>
    fetch(`${installation.url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        authorization: `Bearer ${tokens.bearer}`,
        ...(cause === undefined ? {} : { traceparent: cause.header }),
      },
    });

  it('is one trace with the command it makes and what the host says of it', async () => {
    const cause = aCause();
    const [handling] = await installation.control.manager.findBy(AlertHandling, { state: 'remediated' });
    const path = `/api/v1/alerts/${handling!.id}/restore`;
    expect((await ask(path, cause, 'POST')).status).toBe(201);
    await runNextCommand();
    const name = 'POST /api/v1/alerts/:id/restore';
    const expected = [`${name} < ${cause.header}`, ...ofOutcomes(name)].sort();
    const spans = await spansOf(cause, expected.length);
    expect(links(spans, cause)).toEqual(expected);
    expect(spans.find((span) => span.name === name)).toMatchObject({
      kind: 'SERVER',
      service: 'api',
      error: '',
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/api/v1/alerts/:id/restore',
        'http.response.status_code': 201,
        'url.path': path,
        'url.scheme': 'http',
        'norn.tenant': 'default',
      },
    });
  });

  it('begins a trace when it brings none, is named by its route, and tells no secret', async () => {
    await ask('/api/v1/alerts?q=password-in-a-search');
    await ask('/api/v1/alerts/not-an-id');
    await fetch(`${installation.url}/api/v1/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: installation.url },
      body: JSON.stringify({ token: tokens.login }),
    });
    await ask('/api/v1/nothing-here');
    await fetch(`${installation.url}/api/v1/status`);
    // The API may have been asked for its health before.
    const own = (): TraceLine[] =>
      installation
        .spans()
        .filter(
          ({ service, parentSpanId, name }) => service === 'api' && parentSpanId === '' && !name.endsWith('/healthz'),
        )
        .sort((a, b) => a.startUs - b.startUs);
    const spans = await until(own, (all) => all.length >= 5, 'Five spans should be exported');
    const seen = spans.map(({ name, attributes }) => [
      name,
      attributes['http.response.status_code'],
      attributes['norn.tenant'],
    ]);
    expect(seen).toEqual([
      ['GET /api/v1/alerts', 200, 'default'],
      ['GET /api/v1/alerts/:id', 400, 'default'],
      ['POST /api/v1/login', 204, undefined],
      ['GET', 404, undefined],
      ['GET /api/v1/status', 401, undefined],
    ]);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(spans.length);
    for (const secret of [tokens.bearer, tokens.login, 'password-in-a-search']) {
      expect(installation.spanText()).not.toContain(secret);
    }
  });

  it('is not recorded when its caller asks so', async () => {
    const cause = aCause('00');
    expect((await ask('/api/v1/status', cause)).status).toBe(200);
    await ask('/api/v1/hosts', aCause());
    await until(installation.spanText, (text) => text.includes('GET /api/v1/hosts'), 'A later span');
    expect(installation.spanText()).not.toContain(cause.traceId);
  });
});
