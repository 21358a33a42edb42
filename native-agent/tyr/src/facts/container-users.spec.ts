import { create } from '@bufbuild/protobuf';
import { event } from '@norn/contracts';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limits } from '../limits.ts';
import { ContainerUsers } from './container-users.ts';

const folder = mkdtempSync(join(tmpdir(), 'norn-users-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function container(name: string, passwd?: string): event.ContainerFact {
  const rootPath = join(folder, name);
  mkdirSync(join(rootPath, 'etc'), { recursive: true });
  if (passwd !== undefined) writeFileSync(join(rootPath, 'etc/passwd'), passwd);
  return create(event.ContainerFactSchema, { containerId: name, rootPath });
}

const usersOf = (users: ContainerUsers, ...containers: event.ContainerFact[]) =>
  users.addTo(containers).map(({ users: named }) => named);

describe('users of containers', () => {
  it('are named by each as it does itself, and follow it', () => {
    const users = new ContainerUsers();
    const [web, shop] = [container('web', 'root:x:0:0::/:\nnginx:x:33:33::/:\n'), container('shop', 'till:x:33:0::/:')];
    expect(usersOf(users, web, shop)).toEqual([{ 0: 'root', 33: 'nginx' }, { 33: 'till' }]);
    writeFileSync(join(shop.rootPath, 'etc/passwd'), 'clerk:x:33:0::/:');
    utimesSync(join(shop.rootPath, 'etc/passwd'), 1, 1);
    expect(usersOf(users, web, shop)[1]).toEqual({ 33: 'clerk' });
  });

  it('stay known a while after the container has ended and its root is gone', () => {
    const users = new ContainerUsers();
    const ending = container('ending', 'app:x:7:7::/:');
    usersOf(users, ending);
    rmSync(ending.rootPath, { recursive: true });
    expect(usersOf(users, create(event.ContainerFactSchema, { ...ending, endedAtUs: 1n }))).toEqual([{ 7: 'app' }]);
  });

  it('are read through no link and at no pipe', () => {
    const linked = container('linked');
    symlinkSync('/etc/passwd', join(linked.rootPath, 'etc/passwd'));
    const moved = create(event.ContainerFactSchema, { containerId: 'moved', rootPath: join(folder, 'moved') });
    mkdirSync(moved.rootPath);
    symlinkSync('/etc', join(moved.rootPath, 'etc'));
    const piped = container('piped');
    execFileSync('mkfifo', [join(piped.rootPath, 'etc/passwd')]);
    expect(usersOf(new ContainerUsers(), linked, moved, piped, container('empty'))).toEqual([{}, {}, {}, {}]);
  });

  it('are bounded, and those left out are counted', () => {
    const users = new ContainerUsers();
    const many = Array.from({ length: limits.containerUsersMax + 5 }, (_, uid) => `u${uid}:x:${uid}:0::/:`).join('\n');
    const long = `${'n'.repeat(limits.userNameCharsMax + 1)}:x:1:1::/:\nbell\x07:x:2:2::/:`;
    const [of, none] = usersOf(users, container('many', many), container('long', long));
    expect([Object.keys(of ?? {}).length, users.refused]).toEqual([limits.containerUsersMax, 5]);
    expect(none).toEqual({});
  });
});
