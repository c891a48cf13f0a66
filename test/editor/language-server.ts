import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = resolve(import.meta.dirname, '..', '..');

type Message = {
  id?: number | string;
  method?: string;
  params?: unknown;
  result?: unknown;
  error?: { message: string };
};
export type Mark = { message: string; range: { start: { line: number; character: number } } };

/** yaml-language-server as an editor drives it: over standard input and output, with our schema by a comment in the file. */
export class LanguageServer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number | string, (message: Message) => void>();
  readonly #marks = new Map<string, (marks: Mark[]) => void>();
  #buffer = Buffer.alloc(0);
  #next = 1;

  constructor() {
    const program = resolve(root, 'node_modules', 'yaml-language-server', 'bin', 'yaml-language-server');
    this.#child = spawn(process.execPath, [program, '--stdio'], { cwd: root });
    this.#child.stdout.on('data', (bytes: Buffer) => this.#take(bytes));
  }

  async start(): Promise<void> {
    await this.request('initialize', {
      processId: process.pid,
      rootUri: pathToFileURL(root).href,
      capabilities: {
        textDocument: { completion: {}, hover: { contentFormat: ['markdown'] }, publishDiagnostics: {} },
      },
    });
    this.#send({ method: 'initialized', params: {} });
    const settings = { yaml: { validate: true, hover: true, completion: true, schemaStore: { enable: false } } };
    this.#send({ method: 'workspace/didChangeConfiguration', params: { settings } });
  }

  /** Opens a plan; gives its address and what the editor underlines. */
  async open(name: string, text: string): Promise<{ uri: string; marks: Mark[] }> {
    const uri = pathToFileURL(resolve(root, 'plans', name)).href;
    const marks = new Promise<Mark[]>((resolve) => this.#marks.set(uri, resolve));
    const document = { uri, languageId: 'yaml', version: 1, text };
    this.#send({ method: 'textDocument/didOpen', params: { textDocument: document } });
    return { uri, marks: await marks };
  }

  request(method: string, params: unknown): Promise<unknown> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => (error ? reject(new Error(error.message)) : resolve(result)));
      this.#send({ id, method, params });
    });
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill();
    await ended;
  }

  #send(message: Message): void {
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }));
    this.#child.stdin.write(`Content-Length: ${body.length}\r\n\r\n`);
    this.#child.stdin.write(body);
  }

  #take(bytes: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, bytes]);
    for (;;) {
      const end = this.#buffer.indexOf('\r\n\r\n');
      const length = Number(/Content-Length: (\d+)/.exec(this.#buffer.subarray(0, Math.max(0, end)).toString())?.[1]);
      if (end === -1 || this.#buffer.length < end + 4 + length) return;
      const message = JSON.parse(this.#buffer.subarray(end + 4, end + 4 + length).toString()) as Message;
      this.#buffer = this.#buffer.subarray(end + 4 + length);
      this.#handle(message);
    }
  }

  #handle({ method, id, params, ...rest }: Message): void {
    if (method === undefined) {
      this.#waiting.get(id!)?.(rest);
      this.#waiting.delete(id!);
    } else if (method === 'textDocument/publishDiagnostics') {
      const { uri, diagnostics } = params as { uri: string; diagnostics: Mark[] };
      this.#marks.get(uri)?.(diagnostics);
    } else if (id !== undefined) {
      // It asks for settings of its own: there are none.
      const { items = [] } = (params ?? {}) as { items?: unknown[] };
      this.#send({ id, result: method === 'workspace/configuration' ? items.map(() => null) : null });
    }
  }
}
