import { execFileSync } from 'node:child_process';
import { shellWord } from './shell-word.ts';

describe('a word of a command that is said', () => {
  it.each(['', 'a b', "it's", '$HOME', '`id`', '*', 'a"b\\c', '{"a":"b"}', 'a;b', '~', '/srv/out-1'])(
    'is itself to the shell: %s',
    (text) => {
      expect(execFileSync('/bin/sh', ['-c', `printf %s ${shellWord(text)}`]).toString()).toBe(text);
    },
  );

  it('is said as it is where nothing in it means more', () => {
    expect(shellWord('/srv/out-1')).toBe('/srv/out-1');
    expect(shellWord('/srv/my out')).toBe("'/srv/my out'");
  });
});
