// Runs a command to its end and says what it said when it failed.
import { spawn } from 'node:child_process';
import { NornError } from '@norn/base';

const outputBytesMax = 64 * 1024;
const linesShownDefault = 12;

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** How many of its last lines an error shows. */
  readonly linesShown?: number;
  /** Called with each line, for progress. */
  readonly onLine?: (line: string) => void;
}

/** Resolves with what the command wrote (its last 64 KiB). Throws `command_missing` or `command_failed` with its last lines. */
export function runCommand(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: options.cwd, env: options.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (chunk: Buffer): void => {
      const text = chunk.toString();
      output = (output + text).slice(-outputBytesMax);
      if (options.onLine) for (const line of text.split('\n')) if (line.trim()) options.onLine(line.trim());
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error: NodeJS.ErrnoException) => {
      const missing = error.code === 'ENOENT';
      reject(new NornError(missing ? 'command_missing' : 'command_failed', `${command}: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output);
      else
        reject(
          failure([command, ...args].join(' '), code ?? signal ?? 'unknown', lastLines(output, options.linesShown)),
        );
    });
  });
}

function lastLines(output: string, count = linesShownDefault): string {
  return output.trimEnd().split('\n').slice(-count).join('\n');
}

function failure(line: string, ending: number | string, said: string): NornError {
  return new NornError('command_failed', `\`${line.slice(0, 300)}\` ended with ${ending}:\n${said}`);
}
