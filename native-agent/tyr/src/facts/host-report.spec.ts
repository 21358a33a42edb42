import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { event } from '@norn/contracts';
import { pino } from 'pino';
import { HostReport, readHostReport } from './host-report.ts';

describe('the report of a host', () => {
  const folder = mkdtempSync(join(tmpdir(), 'norn-report-'));
  const report = new HostReport(folder, pino({ level: 'silent' }));
  const capability = (name: string, detail = '') =>
    create(event.CapabilitySchema, { name, available: detail === '', detail });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('is not there before the installation has acknowledged it', () => {
    expect(readHostReport(folder)).toBeUndefined();
    report.told([capability('process.lifecycle')]);
    expect(readHostReport(folder)).toBeUndefined();
  });

  it('says what was acknowledged, for its owner alone', () => {
    report.told([capability('process.lifecycle'), capability('file.preimage', 'no fanotify')]);
    report.acked();
    expect(readHostReport(folder)?.capabilities).toMatchObject([
      { name: 'process.lifecycle', available: true },
      { name: 'file.preimage', available: false, detail: 'no fanotify' },
    ]);
    expect(statSync(join(folder, 'host-report.json')).mode & 0o777).toBe(0o600);
  });

  it('is written again only when it changes', () => {
    const written = (): number => statSync(join(folder, 'host-report.json')).ino;
    const before = written();
    report.told([capability('process.lifecycle'), capability('file.preimage', 'no fanotify')]);
    report.acked();
    expect(written()).toBe(before);
    report.told([capability('process.lifecycle')]);
    report.acked();
    expect(written()).not.toBe(before);
  });
});
