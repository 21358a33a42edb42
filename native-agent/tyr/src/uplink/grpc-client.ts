// Opens a gRPC channel to the installation: TLS with the authority's certificate, mTLS when the host has one.
import { Client, credentials } from '@grpc/grpc-js';
import { isIP } from 'node:net';
import type { Target } from './ingest-peers.ts';

export interface ClientSecrets {
  readonly authorityPem: string;
  readonly keyPem?: string;
  readonly certificatePem?: string;
}

/** A channel is made for each attempt, so grpc's own back-off stays short: ours decides. */
const channelOptions = {
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
};

export function openClient({ address, name }: Target, { authorityPem, keyPem, certificatePem }: ClientSecrets): Client {
  const secure = credentials.createSsl(
    Buffer.from(authorityPem),
    keyPem === undefined ? null : Buffer.from(keyPem),
    certificatePem === undefined ? null : Buffer.from(certificatePem),
  );
  // RFC 6066: an IP address is no server name. The embedded installation's certificate also names localhost.
  const host = address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  const isLoopback = isIP(host) !== 0 && (host.startsWith('127.') || host === '::1');
  const shown = name ?? (isLoopback ? 'localhost' : undefined);
  const override = shown === undefined ? {} : { 'grpc.ssl_target_name_override': shown };
  return new Client(address, secure, { ...channelOptions, ...override });
}
