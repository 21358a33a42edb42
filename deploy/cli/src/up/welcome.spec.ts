import { capabilityReport } from './welcome.ts';

const capability = (name: string, mechanism: string, available = true) => ({
  name,
  mechanism,
  available,
  detail: '',
  verified: available,
});

describe('the capability report', () => {
  it('has at most five lines however many mechanisms serve', () => {
    const capabilities = Array.from({ length: 12 }, (_, index) => capability(`signal-${index}`, `mechanism-${index}`));
    const lines = capabilityReport({ capabilities: [...capabilities, capability('kprobes', '', false)] });
    expect(lines).toHaveLength(5);
    for (const { name } of capabilities) expect(lines.join(' ')).toContain(name);
  });

  it('groups by mechanism and says what is missing', () => {
    const capabilities = [capability('exec', 'tp_btf'), capability('fork', 'tp_btf'), capability('deny', 'lsm', false)];
    expect(capabilityReport({ capabilities })).toEqual(['✓ exec, fork — tp_btf', '✗ deny — ./norn hosts says why']);
  });
});
