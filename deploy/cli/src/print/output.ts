// When what a command says can not be written. Nobody reads on (`norn alerts | head -1`): it ends quietly with 141, as tools do that SIGPIPE ends.
// Anything else, as a full disk, is told of in one line, with 1.

/** 128 and the number of SIGPIPE. */
const pipeClosedCode = 141;

let isHeld = false;
let wantedCode: number | undefined;

/** Once, before anything is written. */
export function watchOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.stderr.write(`norn: The output could not be written: ${error.message}\n`);
    end(error.code === 'EPIPE' ? pipeClosedCode : 1);
  });
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    end(error.code === 'EPIPE' ? pipeClosedCode : 1);
  });
}

/** Work that must not end half-way because nobody reads on: it ends where `endIfUnread` is called, or when it is done. */
export async function holdingOn<T>(work: () => Promise<T>): Promise<T> {
  isHeld = true;
  try {
    return await work();
  } finally {
    isHeld = false;
    endIfUnread();
  }
}

export function endIfUnread(): void {
  if (wantedCode !== undefined) process.exit(wantedCode);
}

function end(code: number): void {
  wantedCode ??= code;
  if (!isHeld) process.exit(wantedCode);
}
