/** Questions to an rclone that stays, over HTTP on the loopback. */
import { randomBytes } from 'node:crypto';
import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cut, Fault, Silent } from './faults.ts';

export type Answer = Record<string, unknown>;

/** Seconds that are left to a store that did not answer the last time. */
const doubt = 10;

export class Client {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 32 });
  private isSilent = false;

  /** `ended` gives the last words of an rclone that is gone; `patience`: seconds for what may not take long. */
  constructor(
    private readonly url: string,
    private readonly auth: string,
    private readonly ended: () => string | null,
    private readonly patience: number,
  ) {}

  /** Calls a method such as `operations/stat`. Rejects with a Fault of what rclone says. `signal`: it may take long, until then. */
  async call(method: string, parameters: Record<string, unknown>, signal?: AbortSignal): Promise<Answer> {
    const body = Buffer.from(JSON.stringify(parameters));
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    return await this.patiently(signal, async (until) => {
      const answer = await this.send(method, { method: 'POST', headers, signal: until }, body);
      return parse(await whole(answer, Number.POSITIVE_INFINITY), answer.statusCode);
    });
  }

  /**
   * Writes a small object: `folder` and `name` are its key below `root`. What is there is replaced. `config`: options of rclone for
   * this call alone.
   */
  async upload(
    root: string,
    folder: string,
    name: string,
    bytes: Uint8Array,
    config: Record<string, unknown> = {},
  ): Promise<void> {
    const boundary = randomBytes(16).toString('hex');
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename*=UTF-8''${strictly(name)}\r\n\r\n`;
    const body = Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]);
    const headers = { 'content-type': `multipart/form-data; boundary=${boundary}`, 'content-length': body.length };
    const query = new URLSearchParams({ fs: root, remote: folder, _config: JSON.stringify(config) });
    await this.patiently(undefined, async (signal) => {
      const answer = await this.send(`operations/uploadfile?${query}`, { method: 'POST', headers, signal }, body);
      parse(await whole(answer, Number.POSITIVE_INFINITY), answer.statusCode);
    });
  }

  /** The bytes of a small object, or null when it is larger than `limit`. */
  async download(root: string, key: string, limit: number): Promise<Buffer | null> {
    const path = `[${root}]/${key}`.split('/').map(strictly).join('/');
    return await this.patiently(undefined, async (signal) => {
      const answer = await this.send(path, { method: 'GET', signal });
      if (answer.statusCode !== 200) parse(await whole(answer, 1_000_000), answer.statusCode);
      if (Number(answer.headers['content-length'] ?? 0) > limit) {
        answer.destroy();
        return null;
      }
      return await whole(answer, limit);
    });
  }

  close(): void {
    this.agent.destroy();
  }

  /** Waits until the signal, or as long as something small may take: less where the last answer did not come. */
  private async patiently<T>(given: AbortSignal | undefined, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const seconds = this.isSilent ? Math.min(doubt, this.patience) : this.patience;
    const signal = given ?? AbortSignal.timeout(seconds * 1000);
    try {
      const answer = await ask(signal);
      this.isSilent = false;
      return answer;
    } catch (error) {
      this.isSilent = signal.aborted;
      if (!signal.aborted) throw error;
      throw given ? signal.reason : new Silent(seconds);
    }
  }

  private send(path: string, options: RequestOptions, body?: Uint8Array): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const asked = request(`${this.url}${path}`, { ...options, auth: this.auth, agent: this.agent }, resolve);
      asked.on('error', (error: NodeJS.ErrnoException) => {
        if (options.signal?.aborted) reject(error);
        // rclone ends connections that were idle; one that was taken up at that moment asked nothing.
        else if (asked.reusedSocket && error.code === 'ECONNRESET')
          this.send(path, options, body).then(resolve, reject);
        else void this.why(error).then(reject);
      });
      asked.end(body);
    });
  }

  /** Its last words may come a moment after the connection broke. */
  private async why(error: Error): Promise<Fault> {
    for (let tries = 0; tries < 10 && this.ended() === null; tries += 1) await sleep(50);
    const said = this.ended();
    return new Fault(said === null ? `no answer from rclone: ${error.message}` : `rclone has ended: ${said}`);
  }
}

/** Everything of an answer; a cut one rejects. Null when it is longer than `limit`. */
async function whole(answer: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer) {
      chunks.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (size > limit) throw new Error('it is longer than was said');
    }
  } catch (error) {
    throw new Cut(`the answer of rclone was cut: ${(error as Error).message}`);
  }
  return Buffer.concat(chunks);
}

function parse(body: Buffer, status: number | undefined): Answer {
  let answer: Answer;
  try {
    answer = JSON.parse(body.toString()) as Answer;
  } catch {
    throw new Fault(`rclone answers ${status}: ${body.toString().slice(0, 300)}`);
  }
  if (status !== 200) throw new Fault(String(answer.error ?? `status ${status}`));
  return answer;
}

/** Percent-encoded so that nothing in a header or a URL can be read otherwise. */
function strictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  });
}
