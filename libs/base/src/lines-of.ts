// An answer that comes bit by bit, line by line: for programs and for browsers, so it stands alone.

/** Each line without its end; what stands behind the last end is no line. */
export async function* linesOf({ body }: Response): AsyncGenerator<string> {
  // Not `for await` over the stream: Safari can not.
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
    const lines = (rest + read.value).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
