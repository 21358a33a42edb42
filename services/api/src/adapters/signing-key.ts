// The installation's key, with which commands and the hosts' policies are signed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { NornError, messageOf } from '@norn/base';
import { signCommand, signedHostPolicy } from '@norn/response';
import type { CommandSigner, HostPolicySigner } from '@norn/store';
import { ApiConfig } from '../api.config.ts';

@Injectable()
export class SigningKey {
  readonly command: CommandSigner;
  readonly hostPolicy: HostPolicySigner;

  constructor({ settings }: ApiConfig) {
    const key = readKey(join(settings.secretsDir, 'command.key.pem'));
    this.command = (command, traceparent) => signCommand(command, key, traceparent);
    this.hostPolicy = (parts) => signedHostPolicy(parts, key);
  }
}

function readKey(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new NornError(
      'command_key_missing',
      `The key that signs commands can not be read (${messageOf(error)}): \`./norn up\` makes it; check NORN_SECRETS_DIR`,
      { cause: error },
    );
  }
}
