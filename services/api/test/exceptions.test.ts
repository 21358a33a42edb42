// Exceptions to rules on a real PostgreSQL and a real ClickHouse: what is proposed, what it would have silenced, who may, what is refused.
import { fromBinary } from '@bufbuild/protobuf';
import { type ShownException, type ShownExceptionPreview, type ShownExceptionProposal, finding } from '@norn/contracts';
import { type ExceptionDraft, parseException } from '@norn/rules';
import { AlertHandling, AuditEntry, RuleException } from '@norn/store';
import { type ApiTrial, startApiTrial } from './api-trial.ts';
import { idOf } from './attack-builder.ts';
import { seedHost, seedRansomware, seedTenant, webContainer } from './seeds/index.ts';
import { storeFindings } from './store-attack.ts';

const ruleId = 'norn.download-to-shell';
const dayMs = 86_400_000;

/** What any of the routes may answer. */
type Answer = { readonly code: string; readonly exceptions: readonly ShownException[] } & ShownException &
  ShownExceptionPreview &
  ShownExceptionProposal;

/** The file that was proposed, filled in. */
function withReason(yaml: string): ExceptionDraft {
  expect(() => parseException('proposed', yaml)).toThrow(/reason: say why/);
  return parseException('proposed', yaml.replace('reason: ""', 'reason: our own installer'));
}

describe('exceptions', () => {
  let trial: ApiTrial;
  let analyst: string;
  let viewer: string;
  let stranger: string;
  let alertId: string;
  let found: finding.Finding;
  let reflex: finding.Finding;
  let neighbour: string;

  beforeAll(async () => {
    trial = await startApiTrial();
    for (const tenantId of ['default', 'other']) await seedTenant(trial, tenantId);
    alertId = await seedRansomware(trial, await seedHost(trial, 'default', { name: 'node-3' }));
    await seedRansomware(trial, await seedHost(trial, 'other', { name: 'node-9' }));
    neighbour = (await seedHost(trial, 'default', { name: 'node-4' })).hostId;
    const { body } = await trial.control.manager.findOneByOrFail(AlertHandling, { id: alertId });
    const { findings } = fromBinary(finding.AlertSchema, body);
    found = findings.find((one) => one.ruleId === ruleId)!;
    reflex = findings.find((one) => one.ruleId !== ruleId)!;
    await storeFindings(trial, others());
    [analyst, viewer, stranger] = await Promise.all([
      trial.tokenOf('analyst'),
      trial.tokenOf('viewer'),
      trial.tokenOf('admin', 'other'),
    ]);
  });

  afterAll(() => trial.close());

  /** Three alike, two of another command line, and what would open no alert or is too old. */
  function others(): finding.Finding[] {
    const process = { ...found.process!, commandLine: 'curl -s http://203.0.113.9/y' };
    const differences: Partial<finding.Finding>[] = [
      {},
      { hostId: neighbour },
      { hostId: neighbour },
      { process },
      { process },
      { exceptedBy: 'e1' },
      { limited: true },
      { observed: true },
      { timeUs: found.timeUs - BigInt(8 * dayMs) * 1000n },
    ];
    return differences.map((difference, index) => ({
      ...found,
      timeUs: found.timeUs - BigInt(index * 60_000_000),
      ...difference,
      id: idOf(`other ${index}`),
    }));
  }

  async function ask(
    token: string,
    path: string,
    { body, method = body === undefined ? 'GET' : 'POST' }: { body?: object; method?: string } = {},
  ): Promise<{ status: number; body: Answer }> {
    const response = await fetch(`${trial.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return { status: response.status, body: (await response.json()) as Answer };
  }
  const propose = (token: string, findingId = found.id) =>
    ask(token, `/alerts/${alertId}/findings/${findingId}/exception`);
  const list = async (token: string) => (await ask(token, '/exceptions')).body.exceptions;

  const draft = (more: object = {}): object => ({
    ruleId,
    process: { imagePath: found.process!.imagePath },
    place: { containerImage: webContainer.image },
    reason: 'our own installer',
    ...more,
  });

  it('are proposed for a finding, as narrow as can be, with what else they would have silenced', async () => {
    const { status, body } = await propose(analyst);
    expect(status).toBe(200);
    const { imagePath, commandLine, parentImagePath } = found.process!;
    expect(body.exception).toMatchObject({
      id: '',
      ruleId,
      process: { sha256: '', imagePath, package: 'curl', commandLine, parentImage: parentImagePath },
      place: { containerImage: webContainer.image, hostId: '', pathPrefix: '' },
    });
    expect(body.exception.summary).toMatch(
      /^curl, run as “curl -s .*” by .*, of the package curl, in containers of shop\/web:1.4$/,
    );
    expect(body.preview).toMatchObject({
      findings: 3,
      alerts: 0,
      truncated: false,
      summary: 'Would have silenced 3 other findings in the last 7 days',
    });
    expect(body.preview.examples.map(({ id }) => id)).toEqual([0, 1, 2].map((index) => idOf(`other ${index}`)));
    expect(withReason(body.yaml)).toMatchObject({ ruleId, process: { commandLine } });
  });

  it('can be tried wider or narrower before they are added', async () => {
    const preview = async (more: object, query = '') =>
      (await ask(analyst, `/exceptions/preview${query}`, { body: draft(more) })).body;
    expect(await preview({})).toMatchObject({
      findings: 6,
      alerts: 1,
      summary: 'Would have silenced 6 findings of 1 alert in the last 7 days',
    });
    expect(await preview({}, `?without=${found.id}`)).toMatchObject({
      findings: 5,
      summary: 'Would have silenced 5 other findings in the last 7 days',
    });
    const ofOther = { imagePath: found.process!.imagePath, package: 'wget' };
    expect(await preview({ process: ofOther })).toMatchObject({ findings: 0, alerts: 0 });
    expect(await preview({ process: { ...ofOther, package: 'curl' } })).toMatchObject({ findings: 6, alerts: 1 });
    expect(await preview({ place: { hostId: neighbour } })).toMatchObject({ findings: 2, alerts: 0 });
    expect(await preview({ ruleId: 'norn.other' })).toMatchObject({
      findings: 0,
      examples: [],
      summary: expect.stringContaining(' no findings ') as string,
    });
  });

  it('are added by an analyst for 30 days, and leave a trace', async () => {
    const { yaml } = (await propose(analyst)).body;
    const written: ExceptionDraft = { ...withReason(yaml), expiresAt: undefined };
    const { status, body } = await ask(analyst, '/exceptions', { body: written });
    expect(status).toBe(201);
    expect(body).toMatchObject({ ruleId, author: 'analyst-person', expired: false, reason: written.reason });
    const days = (Date.parse(body.expiresAt) - Date.parse(body.createdAt)) / dayMs;
    expect(Math.round(days)).toBe(30);
    expect(await list(viewer)).toEqual([body]);
    expect(await list(stranger)).toEqual([]);
    const trail = await trial.control.manager.findBy(AuditEntry, { action: 'exception.added' });
    expect(trail.map(({ actor, subject, tenantId }) => [actor, subject, tenantId])).toEqual([
      ['analyst-person', body.id, 'default'],
    ]);
    const row = await trial.control.manager.findOneByOrFail(RuleException, { id: body.id });
    expect(row.scope.process.commandLine).toBe(found.process!.commandLine);
  });

  it('say how often they were used, and when last', async () => {
    const { body } = await ask(analyst, '/exceptions', { body: draft() });
    const kept = [0, 60].map((secondsAgo) => ({
      ...found,
      id: idOf(`kept ${secondsAgo}`),
      exceptedBy: body.id,
      timeUs: found.timeUs - BigInt(secondsAgo * 1_000_000),
    }));
    await storeFindings(trial, kept);
    const [used] = (await list(viewer)).filter(({ id }) => id === body.id);
    expect([used?.used, Date.parse(used?.usedAt ?? '')]).toEqual([2, Number(found.timeUs / 1000n)]);
  });

  it('end when somebody of the tenant says so, once', async () => {
    const { body } = await ask(analyst, '/exceptions', { body: draft() });
    const remove = (token: string) => ask(token, `/exceptions/${body.id}`, { method: 'DELETE' });
    expect(await remove(viewer)).toMatchObject({ status: 403 });
    expect(await remove(stranger)).toMatchObject({ status: 404, body: { code: 'exception_unknown' } });
    expect((await remove(analyst)).status).toBe(200);
    expect(await remove(analyst)).toMatchObject({ status: 404 });
    expect((await list(viewer)).map(({ id }) => id)).not.toContain(body.id);
    const row = await trial.control.manager.findOneByOrFail(RuleException, { id: body.id });
    expect(row.removedAt).not.toBeNull();
    const trail = await trial.control.manager.findBy(AuditEntry, { action: 'exception.removed' });
    expect(trail.map(({ subject }) => subject)).toEqual([body.id]);
  });

  it('are for those who may', async () => {
    expect((await propose(viewer)).status).toBe(403);
    expect((await ask(viewer, '/exceptions', { body: draft() })).status).toBe(403);
    expect((await ask(viewer, '/exceptions/preview', { body: draft() })).status).toBe(403);
    expect(await propose(stranger)).toMatchObject({ status: 404, body: { code: 'alert_unknown' } });
  });

  it('are proposed for a reflex, and say that only the alert is left out; not for what the alert does not list', async () => {
    const { body } = await propose(analyst, reflex.id);
    expect(body.exception).toMatchObject({ ruleId: reflex.ruleId, ofReflex: true });
    expect((await ask(analyst, '/exceptions', { body: withReason(body.yaml) })).status).toBe(201);
    expect(await propose(analyst, 'a'.repeat(32))).toMatchObject({
      status: 404,
      body: { code: 'finding_unknown' },
    });
  });

  it.each<[string, object, string]>([
    ['any process', { process: {} }, 'exception_too_wide'],
    ['any place', { place: {} }, 'exception_too_wide'],
    ['half the file system', { place: { pathPrefix: '/usr' } }, 'exception_too_wide'],
    ['a reflex by a path alone', { ruleId: 'reflex.ransomware' }, 'exception_of_reflex'],
    ['all time', { expiresAt: '2099-01-01T00:00:00Z' }, 'exception_expiry'],
    ['no reason', { reason: ' ' }, 'input_invalid'],
    ['another tenant', { tenantId: 'other' }, 'input_invalid'],
    ['a path that is none', { process: { imagePath: 'curl' } }, 'input_invalid'],
  ])('for %s are refused', async (_what, more, code) => {
    const { status, body } = await ask(analyst, '/exceptions', { body: draft(more) });
    expect([status, body.code]).toEqual([400, code]);
  });
});
