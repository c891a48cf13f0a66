/** What `runner-builtin mongo` says on a bad day, of a server that is a few lines here: none of MongoDB's is needed. */
import { type AddressInfo, createServer } from 'node:net';
import { BSON } from 'mongodb';
import { afterEach, describe, expect, it } from 'vitest';
import { mongodb } from '../../../src/sources/mongodb/index.ts';
import { Machine } from '../../contracts/machine.ts';

type Answer = (command: Record<string, unknown>) => Record<string, unknown>;

const legacy = 2004;
const hello = { ismaster: true, isWritablePrimary: true, maxWireVersion: 21, minWireVersion: 0, ok: 1 };
const limits = { maxBsonObjectSize: 16_777_216, maxMessageSizeBytes: 48_000_000, maxWriteBatchSize: 100_000 };

/** The wire protocol as far as a client needs it to log in: each message is one command, and gets one document. */
function frame(request: Buffer, document: object): Buffer {
  const body = Buffer.from(BSON.serialize(document));
  const isLegacy = request.readInt32LE(12) === legacy;
  const head = Buffer.alloc(isLegacy ? 36 : 21);
  head.writeInt32LE(head.length + body.length, 0);
  head.writeInt32LE(request.readInt32LE(4), 8);
  head.writeInt32LE(isLegacy ? 1 : 2013, 12);
  if (isLegacy) head.writeInt32LE(1, 32);
  return Buffer.concat([head, body]);
}

/** The command behind the header; a legacy one stands behind the name of its collection and two numbers. */
function commandOf(message: Buffer): Record<string, unknown> {
  const start = message.readInt32LE(12) === legacy ? message.indexOf(0, 20) + 9 : 21;
  return BSON.deserialize(message.subarray(start, start + message.readInt32LE(start)));
}

const open: { close(): void }[] = [];

async function serve(answer: Answer): Promise<number> {
  const server = createServer((socket) => {
    let rest = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      while (rest.length >= 4 && rest.length >= rest.readInt32LE(0)) {
        const message = rest.subarray(0, rest.readInt32LE(0));
        rest = rest.subarray(message.length);
        const command = commandOf(message);
        const isHello = 'hello' in command || 'ismaster' in command || 'isMaster' in command;
        socket.write(frame(message, isHello ? { ...hello, ...limits } : answer(command)));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(server);
  return (server.address() as AddressInfo).port;
}

afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function survey(port: number, answer: { user?: string } = {}): Promise<string> {
  const machine = await Machine.start({ programs: [], secrets: { pw: 'se"cret' } });
  const login = answer.user ? { user: answer.user, password: { secret: 'pw' } } : {};
  const spec = { type: 'mongodb' as const, port, database: 'shop', ...login };
  try {
    return await machine.task().run(mongodb.survey!.command(spec, machine.facts));
  } finally {
    machine.end();
  }
}

describe('runner-builtin mongo', () => {
  it('says that the login was refused, and nothing of the password', async () => {
    const port = await serve(() => ({
      ok: 0,
      code: 18,
      codeName: 'AuthenticationFailed',
      errmsg: 'Authentication failed.',
    }));
    const failure = await survey(port, { user: 'backup' }).catch((error: Error) => error.message);
    expect(failure).toContain('the server refused the login: wrong user, password or authentication database');
    expect(failure).not.toContain('se"cret');
  });

  it('says that nobody answers', async () => {
    const port = await serve(() => ({ ok: 1 }));
    open.pop()!.close();
    await expect(survey(port)).rejects.toThrow(/no server answers: .*ECONNREFUSED/);
  });

  it('does not fail over what it may not ask: that is told by what it knows not', async () => {
    const refused = { ok: 0, code: 13, codeName: 'Unauthorized', errmsg: 'not authorized' };
    const port = await serve((command) => ('buildInfo' in command ? { ok: 1, version: '8.0.1' } : refused));
    const found = mongodb.survey!.read({ type: 'mongodb' }, await survey(port));
    expect(found).toMatchObject({
      version: '8.0.1',
      data: { set: null, databases: null, collections: null, user: null, privileges: null, oplog: null },
    });
  });

  it('tells the privileges of who logs in, those that a dump needs', async () => {
    const info = {
      authenticatedUsers: [{ user: 'backup', db: 'admin' }],
      authenticatedUserPrivileges: [
        { resource: { db: 'shop', collection: '' }, actions: ['find', 'insert', 'listIndexes'] },
      ],
    };
    const port = await serve((command) => {
      if ('buildInfo' in command) return { ok: 1, version: '7.0.1' };
      if ('connectionStatus' in command) return { ok: 1, authInfo: info };
      if ('listDatabases' in command) return { ok: 1, databases: [{ name: 'shop' }] };
      if ('listCollections' in command)
        return {
          ok: 1,
          cursor: {
            id: BSON.Long.ZERO,
            ns: 'shop.$cmd.listCollections',
            firstBatch: [{ name: 'a', type: 'collection' }],
          },
        };
      return { ok: 1, n: 3 };
    });
    const { data } = mongodb.survey!.read({ type: 'mongodb' }, await survey(port));
    expect(data).toMatchObject({
      databases: ['shop'],
      collections: [{ database: 'shop', name: 'a', type: 'collection', empty: false }],
      user: { user: 'backup', db: 'admin' },
      privileges: [{ resource: { db: 'shop', collection: '' }, actions: ['find', 'listIndexes'] }],
    });
  });
});
