// A fake of a cluster's API server: real TLS and HTTP, invented pods; who may do what is the test's.
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import 'reflect-metadata'; // @peculiar/x509 stands on it.
import * as x509 from '@peculiar/x509';

export interface FakeObject {
  readonly name: string;
  readonly uid: string;
  readonly owner?: { readonly kind: string; readonly name: string; readonly uid: string };
}

const namespace = 'shop';
const dayMs = 86_400_000;

export class FakeApiServer {
  readonly pods = new Map<string, FakeObject>();
  /** "replicasets/web-7d9" → what has made it. */
  readonly parents = new Map<string, FakeObject>();
  /** Paths that hold one of these are refused. */
  readonly forbidden = new Set<string>();
  readonly asked: IncomingMessage[] = [];
  /** Token and authority, as a pod is given them. */
  readonly account = mkdtempSync(join(tmpdir(), 'norn-account-'));
  private readonly sockets = new Set<Socket>();
  private watchers: ServerResponse[] = [];
  private server: Server | undefined;
  private port = 0;

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** On the port that it had, when it was there before. */
  async start(): Promise<void> {
    const { keyPem, certificatePem } = await selfSigned();
    mkdirSync(this.account, { recursive: true });
    writeFileSync(join(this.account, 'ca.crt'), certificatePem);
    writeFileSync(join(this.account, 'token'), 'token-of-the-agent\n');
    const server = createServer({ key: keyPem, cert: certificatePem }, (request, response) => {
      this.asked.push(request);
      this.answer(new URL(request.url ?? '/', this.url), response);
    });
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    this.server = server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
  }

  /** As one that is killed: whoever watches hears nothing more, nor does who is still shaking hands. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server?.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.account, { recursive: true });
  }

  get isWatched(): boolean {
    return this.watchers.length > 0;
  }

  /** To those who watch. */
  tell(type: 'ADDED' | 'MODIFIED' | 'DELETED', pod: FakeObject): void {
    if (type === 'DELETED') this.pods.delete(pod.uid);
    else this.pods.set(pod.uid, pod);
    this.say({ type, object: metadataOf(pod) });
  }

  /** What it kept of the past is gone. */
  expire(): void {
    this.say({ type: 'ERROR', object: { kind: 'Status', code: 410 } });
  }

  private say(event: object): void {
    for (const watcher of this.watchers) watcher.write(`${JSON.stringify(event)}\n`);
  }

  private answer({ pathname, searchParams }: URL, response: ServerResponse): void {
    if ([...this.forbidden].some((part) => pathname.includes(part))) response.writeHead(403).end('{}');
    else if (pathname !== '/api/v1/pods') this.answerParent(pathname, response);
    else if (searchParams.has('watch')) {
      this.watchers.push(response.writeHead(200));
      response.flushHeaders();
      response.once('close', () => (this.watchers = this.watchers.filter((one) => one !== response)));
    } else this.answerPage(Number(searchParams.get('continue') ?? 0), response);
  }

  /** Two of them each. */
  private answerPage(from: number, response: ServerResponse): void {
    const all = [...this.pods.values()];
    const rest = from + 2 < all.length ? String(from + 2) : '';
    const items = all.slice(from, from + 2).map(metadataOf);
    response.end(JSON.stringify({ metadata: { resourceVersion: '7', continue: rest }, items }));
  }

  private answerParent(pathname: string, response: ServerResponse): void {
    const parent = this.parents.get(pathname.split('/').slice(-2).join('/'));
    if (parent) response.end(JSON.stringify(metadataOf(parent)));
    else response.writeHead(404).end('{}');
  }
}

function metadataOf({ name, uid, owner }: FakeObject): object {
  const ownerReferences = owner ? [{ ...owner, controller: true }] : undefined;
  return { metadata: { name, uid, namespace, ...(ownerReferences ? { ownerReferences } : {}) } };
}

async function selfSigned(): Promise<{ keyPem: string; certificatePem: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=fake API server',
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(Date.now() + dayMs),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    keyPem: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`,
    certificatePem: certificate.toString('pem'),
  };
}
