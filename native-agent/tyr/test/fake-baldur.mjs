// A fake baldur as a process: says hello and heartbeats on the socket it is given. What is wrong with it stands in `<state-dir>/../fault`.
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';

const socketPath = process.argv[process.argv.indexOf('--socket') + 1];
const stateDir = process.argv[process.argv.indexOf('--state-dir') + 1];

function fault() {
  try {
    return readFileSync(`${stateDir}/../fault`, 'utf8').trim();
  } catch {
    return '';
  }
}

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}

/** Field 1 or 2 of BaldurMessage with one number in it. */
function frame(field, innerField, value) {
  const inner = [innerField << 3, ...varint(value)];
  const message = [(field << 3) | 2, inner.length, ...inner];
  return Buffer.from([message.length, 0, 0, 0, ...message]);
}

function connect() {
  if (fault() === 'never connects') return setTimeout(connect, 100);
  const socket = createConnection(socketPath);
  let timer;
  socket.on('connect', () => {
    socket.write(frame(1, 1, process.pid));
    timer = setInterval(() => {
      if (fault() !== 'silent') socket.write(frame(2, 2, fault() === 'responder hangs' ? 5000 : 1));
    }, 200);
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    clearInterval(timer);
    setTimeout(connect, 100);
  });
}

console.log('fake baldur runs');
connect();
