import { SensitiveFile } from './gen/norn/event/v1/event_pb.ts';
import { sensitiveFileNames, sensitiveFileOf } from './sensitive-files.ts';

describe('the table of sensitive files', () => {
  // As crates/probe/tests/kernel/file_read.rs sees them in the kernel.
  it.each([
    ['/host/etc/shadow', SensitiveFile.PASSWORD_HASH],
    ['/etc/sudoers.d/90-cloud-init-users', SensitiveFile.PRIVILEGE_RULES],
    ['/home/eve/.ssh/work.pem', SensitiveFile.SSH_KEY],
    ['/home/eve/.ssh/authorized_keys', SensitiveFile.SSH_ACCESS],
    ['/mnt/id_ed25519', SensitiveFile.SSH_KEY],
    ['/run/secrets/kubernetes.io/serviceaccount/..2026_01_31_09_00_00.17/token', SensitiveFile.SERVICE_ACCOUNT_TOKEN],
    ['/proc/812/environ', SensitiveFile.PROCESS_ENVIRONMENT],
    ['/proc/812/task/813/mem', SensitiveFile.PROCESS_MEMORY],
    ['/proc/kcore', SensitiveFile.PROCESS_MEMORY],
    ['/etc/passwd', SensitiveFile.UNSPECIFIED],
    ['/var/shadow', SensitiveFile.UNSPECIFIED],
    ['/srv/x/.git/config', SensitiveFile.UNSPECIFIED],
    ['/home/eve/.ssh/known_hosts', SensitiveFile.UNSPECIFIED],
    ['/srv/src/environ', SensitiveFile.UNSPECIFIED],
    ['', SensitiveFile.UNSPECIFIED],
  ])('knows what is in %s', (path, expected) => {
    expect(sensitiveFileOf(path)).toBe(expected);
  });

  it('has a word for each class', () => {
    expect(sensitiveFileNames.get(SensitiveFile.SSH_KEY)).toBe('ssh-key');
    expect(sensitiveFileNames.size).toBe(SensitiveFile.AGENT_KEY);
  });
});
