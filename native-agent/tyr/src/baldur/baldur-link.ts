// The unix socket that baldur connects to. One baldur at a time: the newest that said hello.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { NornError, messageOf } from '@norn/base';
import { local, type policy } from '@norn/contracts';
import { chmodSync, existsSync, lstatSync, mkdirSync, rmSync, unlinkSync } from 'node:fs';
import { type Server, type Socket, createConnection, createServer } from 'node:net';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { limits } from '../limits.ts';
import { FrameReader, encodeFrame } from './frames.ts';

export interface BaldurHandlers {
  readonly onHello: (hello: local.BaldurHello) => void;
  readonly onHeartbeat: (heartbeat: local.BaldurHeartbeat) => void;
  readonly onBatch: (batch: Uint8Array, batchSeq: bigint) => void;
  readonly onOutcome: (outcome: Extract<local.BaldurMessage['message'], { case: 'outcome' }>['value']) => void;
  readonly onPolicyStatus: (status: policy.HostPolicyStatus) => void;
  readonly onFarewell: (farewell: local.BaldurFarewell) => void;
  readonly onGone: () => void;
}

export class BaldurLink {
  private server: Server | undefined;
  /** Of the socket's file, as it was made here. */
  private inode = 0n;
  private watch: NodeJS.Timeout | undefined;
  private active: Socket | undefined;
  private readonly sockets = new Set<Socket>();
  framesDropped = 0;

  constructor(
    private readonly path: string,
    private readonly handlers: BaldurHandlers,
    private readonly logger: Logger,
  ) {}

  get isConnected(): boolean {
    return this.active !== undefined;
  }

  /** Throws `tyr_running` when another tyr answers on the socket. */
  async listen(): Promise<void> {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    if (existsSync(this.path)) {
      if (await answers(this.path)) {
        throw new NornError('tyr_running', `Another tyr listens on ${this.path}: stop it or set NORN_AGENT_SOCKET`);
      }
      unlinkSync(this.path);
    }
    await this.open();
    this.watch = setInterval(() => void this.openAgain(), limits.socketLookEveryMs);
  }

  private async open(): Promise<void> {
    const server = createServer((socket) => {
      this.accept(socket);
    });
    this.server = server;
    // Nobody but the owner may connect, from the first moment on.
    const before = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(this.path, resolve);
      });
    } finally {
      process.umask(before);
    }
    chmodSync(this.path, 0o600);
    this.inode = inodeOf(this.path);
  }

  /** Without its name the socket is there and nobody finds it: a baldur that was started again would connect nowhere, or to somebody else. */
  private async openAgain(): Promise<void> {
    if (inodeOf(this.path) === this.inode) return;
    this.logger.error({ code: 'socket_taken' }, `${this.path} was removed or replaced: it is made anew`);
    try {
      // First, for it takes what is at its name with it. Who is connected stays so.
      this.server?.close();
      rmSync(this.path, { force: true, recursive: true });
      await this.open();
    } catch (error) {
      this.logger.error({ code: 'socket_taken', err: error }, messageOf(error));
    }
  }

  /** False when no baldur is connected, or it does not read: then the frame is dropped and counted. */
  send(message: local.TyrMessage['message']): boolean {
    const socket = this.active;
    if (socket === undefined) return false;
    if (socket.writableLength > limits.baldurQueueBytesMax) {
      this.framesDropped++;
      return false;
    }
    socket.write(encodeFrame(toBinary(local.TyrMessageSchema, create(local.TyrMessageSchema, { message }))));
    return true;
  }

  close(): void {
    clearInterval(this.watch);
    this.server?.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private accept(socket: Socket): void {
    const reader = new FrameReader();
    this.sockets.add(socket);
    socket.on('data', (chunk) => {
      try {
        for (const frame of reader.push(chunk)) this.receive(socket, fromBinary(local.BaldurMessageSchema, frame));
      } catch (error) {
        this.logger.error({ code: 'baldur_malformed', err: error }, messageOf(error));
        socket.destroy();
      }
    });
    socket.on('error', (error) => {
      this.logger.warn({ code: 'baldur_socket', err: error }, error.message);
    });
    socket.on('close', () => {
      this.sockets.delete(socket);
      if (this.active !== socket) return;
      this.active = undefined;
      this.handlers.onGone();
    });
  }

  private receive(socket: Socket, { message, seq }: local.BaldurMessage): void {
    if (message.case === 'hello') {
      const older = this.active;
      this.active = socket;
      if (older !== socket) older?.destroy();
      this.handlers.onHello(message.value);
      return;
    }
    if (socket !== this.active)
      throw new NornError('hello_missing', `Baldur sent ${message.case ?? 'nothing known'} before its hello`);
    if (message.case === 'heartbeat') this.handlers.onHeartbeat(message.value);
    else if (message.case === 'batch') this.handlers.onBatch(message.value, seq);
    else if (message.case === 'outcome') this.handlers.onOutcome(message.value);
    else if (message.case === 'farewell') this.handlers.onFarewell(message.value);
    else if (message.case === 'policyStatus') this.handlers.onPolicyStatus(message.value);
  }
}

/** 0: there is none. */
function inodeOf(path: string): bigint {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino ?? 0n;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const settle = (isThere: boolean) => () => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', settle(true)).once('error', settle(false));
  });
}
