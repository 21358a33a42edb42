// What a user of this machine reaches of an installation: run as that user, told on standard input what there is, it tries all of it.
// By itself: it imports Node and the kafkajs beside it alone, so it runs where the repository can't be read.
import {
  accessSync,
  constants,
  existsSync,
  openSync,
  closeSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';

const answerMs = 4_000;
const targets = JSON.parse(readFileSync(0, 'utf8'));
const { Kafka, logLevel } = createRequire(import.meta.url)('kafkajs');

const insecure = { rejectUnauthorized: false };
const transports = [
  ['plain', undefined],
  ['TLS', insecure],
  ['TLS with a certificate of its own making', { ...insecure, ...targets.madeUp }],
];
const reached = [];
let tried = 0;

/** `attempt` answers what it got hold of; an empty string or an error is a refusal. */
async function tryIt(what, attempt) {
  tried += 1;
  try {
    const got = await attempt();
    if (got) reached.push({ what, got: String(got).slice(0, 300) });
  } catch {
    // Refused.
  }
}

/** Sends and answers what comes within the time, as latin1. */
function talk(port, ssl, request, wait = answerMs) {
  return new Promise((resolve) => {
    const where = { port, host: '127.0.0.1' };
    const socket = ssl ? connectTls({ ...where, ...ssl }) : connect(where);
    let answer = '';
    const end = () => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(wait, end);
    socket.once('error', end).once('close', end);
    socket.once(ssl ? 'secureConnect' : 'connect', () => socket.write(request));
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (answer.length > 4_000) end();
    });
  });
}

async function tryKafka(port) {
  for (const [how, ssl] of transports) {
    const kafka = new Kafka({
      brokers: [`127.0.0.1:${port}`],
      ssl: ssl ?? false,
      retry: { retries: 0 },
      connectionTimeout: answerMs,
      requestTimeout: answerMs,
      logLevel: logLevel.NOTHING,
    });
    const admin = kafka.admin();
    await tryIt(`kafka ${port} ${how}: topics`, async () => {
      await admin.connect();
      return `topics ${(await admin.listTopics()).join()}`;
    });
    for (const topic of targets.topics) {
      await tryIt(`kafka ${port} ${how}: write ${topic}`, async () => {
        const producer = kafka.producer();
        await producer.connect();
        await producer.send({ topic, messages: [{ key: 'default', value: 'forged' }] });
        return 'written';
      });
    }
    await tryIt(`kafka ${port} ${how}: read`, async () => {
      const offsets = await admin.fetchTopicOffsets(targets.topics[0]);
      return `offsets ${JSON.stringify(offsets)}`;
    });
    await tryIt(`kafka ${port} ${how}: delete`, async () => {
      await admin.deleteTopics({ topics: [targets.topics[0]] });
      return 'deleted';
    });
    // ApiVersions, version 0, correlation 7: what any client asks first. Its answer begins with a length and the 7.
    await tryIt(`kafka ${port} ${how}: versions`, async () => {
      const answer = await talk(port, ssl, Buffer.from('0000000a00120000000000070000', 'hex'));
      return answer.slice(4, 8) === '\0\0\0\x07' ? 'versions' : '';
    });
    await admin.disconnect().catch(() => undefined);
  }
}

async function tryHttp(port) {
  for (const [how, ssl] of transports) {
    for (const { method, path, headers = [] } of targets.requests) {
      await tryIt(`http ${port} ${how}: ${method} ${path} ${headers.join(', ')}`.trim(), async () => {
        const lines = [`${method} ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers];
        const answer = await talk(port, ssl, `${lines.join('\r\n')}\r\n\r\n`);
        return /^HTTP\/1\.\d [23]/.test(answer) ? answer.replace(/^([^\r]*)[^]*?\r\n\r\n/, '$1 ') : '';
      });
    }
  }
}

async function tryGrpc(port) {
  for (const [how, ssl] of transports) {
    for (const path of targets.calls) await tryIt(`grpc ${port} ${how}: ${path}`, () => callGrpc(port, ssl, path));
  }
}

/** An empty message. Answers what was not an error of gRPC's. */
function callGrpc(port, ssl, path) {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`${ssl ? 'https' : 'http'}://127.0.0.1:${port}`, ssl ?? {});
    session.setTimeout(answerMs, () => session.destroy());
    session.once('error', reject).once('close', () => resolve(''));
    const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
    const call = session.request(headers);
    const status = (from) => from['grpc-status'] === '0' && resolve('accepted');
    call.once('error', reject).once('response', status).once('trailers', status);
    call.on('data', (chunk) => resolve(`a message of ${chunk.length} bytes`));
    call.once('end', () => session.destroy());
    call.end(Buffer.alloc(5));
  });
}

async function tryPostgres(port) {
  for (const role of targets.roles) {
    for (const database of targets.databases) {
      for (const more of ['', 'replication\0database\0']) {
        const words = `user\0${role}\0database\0${database}\0${more}\0`;
        const head = Buffer.alloc(8);
        head.writeInt32BE(8 + words.length, 0);
        head.writeInt32BE(196_608, 4);
        await tryIt(`postgres ${port}: ${role} in ${database} ${more.split('\0')[0]}`, async () => {
          const answer = await talk(port, undefined, Buffer.concat([head, Buffer.from(words)]), 1_000);
          // 'R', the length, and 0: authenticated.
          return answer[0] === 'R' && answer.slice(5, 9) === '\0\0\0\0' ? 'let in' : '';
        });
      }
    }
  }
}

/** ClickHouse's Hello: a name, versions, the database, the user, an empty password. Its answer begins with a 0, a refusal with a 2. */
async function tryClickHouse(port) {
  const text = (word) => Buffer.concat([Buffer.from([word.length]), Buffer.from(word)]);
  for (const user of ['default', '', 'norn_writer', 'norn_reader']) {
    const versions = Buffer.from([24, 1, 0xd0, 0xa9, 0x03]);
    const hello = Buffer.concat([Buffer.from([0]), text('probe'), versions, text(''), text(user), text('')]);
    await tryIt(`clickhouse ${port}: ${user}`, async () => {
      const answer = await talk(port, undefined, hello, 1_000);
      return answer.length > 1 && answer.codePointAt(0) === 0 && /ClickHouse/.test(answer) ? 'let in' : '';
    });
  }
}

async function trySockets() {
  for (const path of targets.sockets) {
    await tryIt(`socket ${path}`, () => {
      return new Promise((resolve, reject) => {
        const socket = connect({ path: path.replace(/^@/, '\0') });
        socket.once('connect', () => resolve('connected')).once('error', reject);
        socket.once('connect', () => socket.destroy());
      });
    });
  }
}

function open(path, flags) {
  closeSync(openSync(path, flags));
  return 'opened';
}

async function tryFiles() {
  for (const path of targets.files) {
    await tryIt(`read ${path}`, () => open(path, 'r'));
    await tryIt(`write ${path}`, () => open(path, 'r+'));
  }
  for (const folder of targets.folders) {
    await tryIt(`list ${folder}`, () => `${readdirSync(folder).length} names`);
    await tryIt(`make a file in ${folder}`, () => {
      const path = join(folder, '.local-user');
      writeFileSync(path, '', { flag: 'wx' });
      return 'made';
    });
  }
  for (const path of targets.code) {
    await tryIt(`change ${path}`, () => {
      accessSync(path, constants.W_OK);
      return 'may';
    });
  }
}

async function tryProcesses() {
  const lines = [];
  for (const pid of targets.pids) {
    const of = (name) => `/proc/${pid}/${name}`;
    for (const name of ['environ', 'mem', 'maps', 'auxv', 'syscall']) {
      await tryIt(`${of(name)}`, () => readFileSync(of(name)).length && 'read');
    }
    for (const name of ['fd', 'map_files']) await tryIt(of(name), () => `${readdirSync(of(name)).length} names`);
    for (const name of ['cwd', 'root']) await tryIt(of(name), () => readdirSync(of(name)).length && 'listed');
    await tryIt(`signal ${pid}`, () => process.kill(pid, 0) && 'may');
    if (existsSync(of('cmdline'))) lines.push(readFileSync(of('cmdline'), 'utf8').replaceAll('\0', ' '));
  }
  return lines;
}

for (const port of targets.ports) {
  await Promise.all([tryKafka, tryHttp, tryGrpc, tryPostgres, tryClickHouse].map((each) => each(port)));
}
await trySockets();
await tryFiles();
const commandLines = await tryProcesses();
process.stdout.write(JSON.stringify({ uid: process.getuid(), tried, reached, commandLines }), () => process.exit(0));
