/** The protocol against a server that is made up: what no real one does on demand. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Files } from '../../../src/destinations/sftp/files.ts';
import { NotSftp, Packets } from '../../../src/destinations/sftp/packets.ts';
import { readAhead } from '../../../src/destinations/sftp/reading.ts';
import { Ended, type Line, Refused, Session } from '../../../src/destinations/sftp/session.ts';
import { walk } from '../../../src/destinations/sftp/walk.ts';
import { Window } from '../../../src/destinations/sftp/window.ts';
import { Answer, Ask, type Field, Fields, packet, Status } from '../../../src/destinations/sftp/wire.ts';

type Request = { type: number; id: number; fields: Fields };
type Reply = (type: number, ...fields: Field[]) => void;

/** A session with a server that answers as `answer` says. */
async function sessionWith(answer: (request: Request, reply: Reply) => void, patience = 60) {
  const [input, output] = [new PassThrough(), new PassThrough()];
  let gone: (why: Ended) => void = () => {};
  const ended = new Promise<Ended>((resolve) => {
    gone = resolve;
  });
  const end = async () => void gone(new Ended('it went', 'cut'));
  const packets = new Packets((body) => {
    const fields = new Fields(body.subarray(1));
    const [type, id] = [body[0]!, fields.number32()];
    const reply: Reply = (kind, ...more) => output.write(packet(kind, kind === Answer.version ? more : [id, ...more]));
    if (type === Ask.init) reply(Answer.version, 3, 'limits@openssh.com', '1');
    else answer({ type, id, fields }, reply);
  });
  input.on('data', (chunk: Buffer) => packets.push(chunk));
  const line: Line = { input, output, ended, end };
  const session = await Session.begin(line, patience);
  return { session, files: new Files(session), output, gone };
}

describe('packets', () => {
  it('come out whole, however they were cut', () => {
    const sent = [packet(5, [1, 'a']), packet(6, [2, Buffer.alloc(70_000, 7)]), packet(7, [3])];
    const bytes = Buffer.concat(sent);
    for (const size of [1, 3, 4, 5, 7, 4096, bytes.length]) {
      const seen: Buffer[] = [];
      const packets = new Packets((body) => seen.push(body));
      for (let at = 0; at < bytes.length; at += size) packets.push(bytes.subarray(at, at + size));
      expect(Buffer.concat(seen).equals(Buffer.concat(sent.map((one) => one.subarray(4))))).toBe(true);
      expect(seen).toHaveLength(3);
    }
  });

  it('that are none are refused before memory is made for them', () => {
    expect(() => new Packets(() => {}).push(Buffer.from('Welcome!'))).toThrow(NotSftp);
    expect(() => new Packets(() => {}).push(Buffer.alloc(4))).toThrow(NotSftp);
  });
});

describe('fields', () => {
  it('are read as they were written', () => {
    const attributes = { size: 2 ** 40 + 1, mode: 0o100644, accessed: 2 ** 32 - 1, modified: 7 };
    const fields = new Fields(packet(1, [2 ** 32 - 1, 2n ** 50n, 'ü\n', attributes, {}]).subarray(5));
    expect([fields.number32(), fields.number64(), fields.text()]).toEqual([2 ** 32 - 1, 2 ** 50, 'ü\n']);
    expect([fields.attributes(), fields.attributes(), fields.left]).toEqual([attributes, {}, 0]);
  });

  it('that are longer than their packet are an error, also in a hostile count', () => {
    expect(() => new Fields(packet(1, [1000]).subarray(5)).data()).toThrow(RangeError);
    expect(() => new Fields(packet(1, [0x8000_0000, 0xffff_ffff]).subarray(5)).attributes()).toThrow(RangeError);
  });
});

describe('a session', () => {
  it('brings answers to their questions in whatever order they come', async () => {
    const held: (() => void)[] = [];
    const { session } = await sessionWith(({ fields }, reply) => {
      const name = fields.text();
      held.unshift(() => reply(Answer.handle, `handle of ${name}`));
      if (held.length === 3) for (const one of held) one();
    });
    const names = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => (await session.ask(Ask.opendir, [name], Answer.handle)).text()),
    );
    expect(names).toEqual(['handle of a', 'handle of b', 'handle of c']);
  });

  it('tells a no from an end', async () => {
    const { session, gone } = await sessionWith(({ type }, reply) => {
      if (type === Ask.remove) reply(Answer.status, Status.denied, 'Permission denied', '');
    });
    await expect(session.ask(Ask.remove, ['a'])).rejects.toEqual(new Refused(Status.denied, 'Permission denied'));
    const open = session.ask(Ask.open, ['a'], Answer.handle);
    gone(new Ended('it went', 'cut'));
    await expect(open).rejects.toThrow(Ended);
    await expect(session.ask(Ask.remove, ['a'])).rejects.toThrow('it went');
    expect(session.over).toBe(true);
  });

  it.each([
    ['an answer to nothing', (output: PassThrough) => output.write(packet(Answer.status, [77, 0]))],
    ['an answer of another type', (output: PassThrough) => output.write(packet(Answer.handle, [1, 'x']))],
    ['an answer that is cut short', (output: PassThrough) => output.write(packet(Answer.status, [1]))],
    ['no packet at all', (output: PassThrough) => output.write('Message of the day')],
  ])('ends with %s', async (_, send) => {
    const { session, output } = await sessionWith(() => void send(output));
    await expect(session.ask(Ask.remove, ['a'])).rejects.toThrow(/^its server sends/);
  });

  it('is given up when nothing comes any more, and only while something is asked', async () => {
    const { session } = await sessionWith(({ type }, reply) => {
      if (type === Ask.remove) reply(Answer.status, Status.ok, '', '');
    }, 0.2);
    await session.ask(Ask.remove, ['a']);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await session.ask(Ask.remove, ['a']);
    await expect(session.ask(Ask.mkdir, ['a', {}])).rejects.toThrow('has not answered for 0.2 s');
  });

  it('refuses a server of another version', async () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    input.once('data', () => output.write(packet(Answer.version, [2])));
    const line: Line = { input, output, ended: new Promise(() => {}), end: async () => {} };
    await expect(Session.begin(line, 1)).rejects.toThrow('version 2 of SFTP');
  });
});

describe('reading ahead', () => {
  const content = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
  /** A server that gives `most` bytes at once, of a file that has `length`. */
  const reading = (most: number, length = content.length) => {
    let under = 0;
    const seen = { most: 0 };
    const server = sessionWith(({ fields }, reply) => {
      under += 1;
      seen.most = Math.max(seen.most, under);
      fields.data();
      const [offset, wanted] = [fields.number64(), fields.number32()];
      setTimeout(() => {
        under -= 1;
        const bytes = content.subarray(offset, Math.min(offset + Math.min(wanted, most), length));
        if (bytes.length === 0) reply(Answer.status, Status.end, 'EOF', '');
        else reply(Answer.data, bytes);
      }, 1);
    });
    return { server, seen };
  };
  const gather = async (files: Files, start: number, end: number) => {
    const chunks: Buffer[] = [];
    for await (const chunk of readAhead(files, Buffer.from('h'), start, end)) chunks.push(chunk);
    return Buffer.concat(chunks);
  };

  it.each([1_000_000, 32_768, 1000, 999])('gives every byte once where a server gives %d at once', async (most) => {
    const { server, seen } = reading(most);
    const { files } = await server;
    expect((await gather(files, 0, content.length)).equals(content)).toBe(true);
    expect((await gather(files, 17, 90_001)).equals(content.subarray(17, 90_001))).toBe(true);
    expect((await gather(files, 5, 5)).length).toBe(0);
    expect(seen.most).toBeLessThanOrEqual(17);
    expect(seen.most).toBeGreaterThan(1);
  });

  it('fails where the file has become shorter', async () => {
    const { server } = reading(32_768, 50_000);
    await expect(gather((await server).files, 0, content.length)).rejects.toThrow(/ends after 50000 bytes/);
  });
});

describe('a walk', () => {
  const folder = (name: string): Field[] => [name, '', { mode: 0o040700 }];
  const file = (name: string): Field[] => [name, '', { mode: 0o100600, size: 1, modified: 1 }];

  async function walked(tree: Record<string, Field[][]>): Promise<string[]> {
    const given = new Set<string>();
    const { files } = await sessionWith(({ type, fields }, reply) => {
      const name = fields.text();
      if (type === Ask.opendir && !tree[name]) reply(Answer.status, Status.missing, '', '');
      else if (type === Ask.opendir) reply(Answer.handle, name);
      else if (type === Ask.close) reply(Answer.status, Status.ok, '', '');
      else if (given.has(name)) reply(Answer.status, Status.end, '', '');
      else {
        given.add(name);
        reply(Answer.name, tree[name]!.length, ...tree[name]!.flat());
      }
    });
    const found: string[] = [];
    for await (const some of walk(files, { name: 'nas', root: '/r' }, { first: '', enter: () => true }))
      found.push(...some.map(({ key }) => key));
    return found.sort();
  }

  it('sees everything below, however deep', async () => {
    const deep = Object.fromEntries(
      Array.from({ length: 30 }, (_, index) => [`/r/d${index}`, [file('a'), file('b')]] as const),
    );
    const top = Object.keys(deep).map((path) => folder(path.slice(3)));
    const found = await walked({ '/r': [folder('.'), folder('..'), file('x'), ...top], ...deep });
    expect(found).toHaveLength(61);
  });

  it('rejects when a folder that was listed cannot be read, and when a name has a slash', async () => {
    await expect(walked({ '/r': [file('x'), folder('gone')] })).rejects.toThrow(Refused);
    await expect(walked({ '/r': [file('../out')] })).rejects.toThrow(RangeError);
  });
});

describe('a window', () => {
  it('lets so many through, then waits, and tells the first failure', async () => {
    const window = new Window(2);
    const answers = Array.from({ length: 3 }, () => {
      let settle = { resolve: () => {}, reject: (_: Error) => {} };
      const promise = new Promise<void>((resolve, reject) => {
        settle = { resolve, reject };
      });
      return { promise, ...settle };
    });
    window.add(answers[0]!.promise);
    await window.room();
    window.add(answers[1]!.promise);
    let free = false;
    const room = window.room().then(() => {
      free = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(free).toBe(false);
    answers[1]!.resolve();
    await room;
    const empty = window.empty();
    answers[0]!.reject(new Error('first'));
    await expect(empty).rejects.toThrow('first');
    await expect(window.room()).rejects.toThrow('first');
  });
});
