import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { capProcess, cpusMax } from './cgroup-cap.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'norn-cgroup-'));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8');

describe('capProcess', () => {
  it('uses v2 where the memory controller is there', () => {
    writeFileSync(join(root, 'cgroup.controllers'), 'cpu io memory pids\n');
    writeFileSync(join(root, 'cgroup.subtree_control'), 'cpu');
    expect(capProcess(42, root, 8)).toMatchObject({ available: true, mechanism: 'cgroup v2' });
    expect(read('cgroup.subtree_control')).toBe('+memory');
    expect(read('norn-agent', 'cpu.max')).toBe('80000 20000');
    expect(read('norn-agent', 'cgroup.procs')).toBe('42');
  });

  it('uses the v1 hierarchies where v2 has no memory controller', () => {
    writeFileSync(join(root, 'cgroup.controllers'), 'hugetlb\n');
    for (const hierarchy of ['memory', 'cpu']) {
      mkdirSync(join(root, hierarchy));
      writeFileSync(join(root, hierarchy, 'cgroup.procs'), '');
    }
    expect(capProcess(42, root, 2)).toMatchObject({ available: true, mechanism: 'cgroup v1' });
    expect(read('memory', 'norn-agent', 'memory.limit_in_bytes')).toBe(String(512 * 1024 * 1024));
    expect(read('cpu', 'norn-agent', 'cpu.cfs_quota_us')).toBe('20000');
    expect(read('cpu', 'norn-agent', 'cgroup.procs')).toBe('42');
  });

  it('gives real time to the group where the kernel wants that said', () => {
    for (const hierarchy of ['memory', 'cpu']) {
      mkdirSync(join(root, hierarchy, 'norn-agent'), { recursive: true });
      writeFileSync(join(root, hierarchy, 'cgroup.procs'), '');
    }
    writeFileSync(join(root, 'cpu', 'norn-agent', 'cpu.rt_runtime_us'), '0');
    expect(capProcess(42, root, 2).available).toBe(true);
    expect(read('cpu', 'norn-agent', 'cpu.rt_runtime_us')).toBe('500000');
  });

  it('says that there is no cap where there is neither', () => {
    const report = capProcess(42, root, 2);
    expect(report.available).toBe(false);
    expect(report.detail).toMatch(/not capped: there is no cgroup v1 memory hierarchy/);
  });

  it('leaves one CPU at least', () => {
    expect([cpusMax(1), cpusMax(2), cpusMax(16)]).toEqual([1, 1, 8]);
  });
});
