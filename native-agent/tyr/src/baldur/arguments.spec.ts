import { baldurArguments } from './arguments.ts';

const nothing = {
  agentDir: '/var/lib/norn/agent',
  socket: '/run/baldur.sock',
  protectedPaths: [],
  pathsAreChosen: false,
  keptPaths: [],
  canaries: [],
  hookedPrograms: [],
  hookSuspects: false,
};
const always = ['run', '--socket', '/run/baldur.sock', '--state-dir', '/var/lib/norn/agent/baldur'];

describe('what baldur is started with', () => {
  it('hooks nobody unless the settings name somebody', () => {
    expect(baldurArguments(nothing)).toEqual(always);
  });

  it('has a flag for each path and program', () => {
    const settings = {
      ...nothing,
      protectedPaths: ['/home', '/srv'],
      pathsAreChosen: true,
      keptPaths: ['/etc'],
      canaries: ['passwords.txt'],
      hookedPrograms: ['/usr/sbin/nginx'],
      hookSuspects: true,
    };
    expect(baldurArguments(settings).slice(always.length)).toEqual([
      ...['--protect', '/home', '--protect', '/srv', '--tell-missing', '--keep', '/etc', '--canary', 'passwords.txt'],
      ...['--hook', '/usr/sbin/nginx', '--hook-suspects'],
    ]);
  });
});
