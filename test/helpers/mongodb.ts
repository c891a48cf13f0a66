/**
 * MongoDB for tests. There is no server in any registry: RUNNER_TEST_MONGODB names one by its connection string (of a replica set,
 * without a login), and the tests keep to databases of their own. mongodump and mongorestore are taken from PATH.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { BSON, type CollectionInfo, type Db, MongoClient } from 'mongodb';
import { able, has } from './programs.ts';

export const uri = process.env.RUNNER_TEST_MONGODB ?? '';

/** Says what is missing, since tests are skipped for it. */
export const hasMongo = (): boolean =>
  able(uri !== '', 'a MongoDB server (RUNNER_TEST_MONGODB)') && has('mongodump', 'mongorestore');

/** Its address, for whoever must go through something of ours: without the name of the replica set. */
export const address = (): { host: string; port: number } => {
  const { hostname, port } = new URL(uri);
  return { host: hostname, port: Number(port || 27_017) };
};

export type Mongo = {
  client: MongoClient;
  /** A name that nobody else uses; the database is dropped in the end. */
  name(text?: string): string;
  database(name: string): Db;
  end(): Promise<void>;
};

export async function openMongo(): Promise<Mongo> {
  const client = await new MongoClient(uri).connect();
  const stamp = `rt${process.pid}${randomBytes(2).toString('hex')}`;
  const name = (text = ''): string => `${stamp}${text}`;
  const end = async () => {
    const { databases } = await client.db().admin().listDatabases({ nameOnly: true });
    for (const one of databases)
      if (one.name.includes(stamp))
        // Some servers cannot drop what was renamed out of a database; they are thrown away with it.
        await client
          .db(one.name)
          .dropDatabase()
          .catch(() => {});
    await client.close();
  };
  return { client, name, database: (text) => client.db(text), end };
}

/** Collections, their options, indexes and documents, in an order of its own; raw bytes, so that no type is lost. */
export async function canonical(database: Db): Promise<string> {
  const lines: string[] = [];
  for (const { name, type, options } of await database.listCollections<CollectionInfo>().toArray()) {
    lines.push(`${name} ${type} ${JSON.stringify(options)}`);
    // The order of the fields of a key is its meaning; the others have none.
    for (const { v: _, ns: __, key, ...index } of await database.collection(name).indexes())
      lines.push(`${name} index ${JSON.stringify([key, Object.entries(index).toSorted()])}`);
    const documents = database.collection(name).find({}, { raw: true }) as unknown as AsyncIterable<Buffer>;
    for await (const document of documents) lines.push(`${name} ${Buffer.from(document).toString('hex')}`);
  }
  return lines.toSorted().join('\n');
}

/** Every type of BSON, with its edges; not the retired ones (symbol, pointer, undefined), which some servers refuse. */
export function everyType(): Record<string, unknown> {
  const {
    Binary,
    BSONRegExp,
    Code,
    DBRef,
    Decimal128,
    Double,
    Int32,
    Long,
    MaxKey,
    MinKey,
    ObjectId,
    Timestamp,
    UUID,
  } = BSON;
  return {
    double: new Double(1),
    small: new Double(5e-324),
    minus: new Double(-0),
    nan: new Double(Number.NaN),
    infinite: new Double(Number.POSITIVE_INFINITY),
    text: 'Größe 😀 "q" \u0000 $\n',
    empty: '',
    object: { '': 1, 'a.b': { c: [] }, $odd: 'x' },
    array: [1, 'x', null, [[]], {}],
    binary: new Binary(Buffer.from([0, 255, 10, 13, 26]), 0),
    user: new Binary(Buffer.from('x'), 128),
    uuid: new UUID('00112233-4455-6677-8899-aabbccddeeff'),
    id: new ObjectId('0123456789abcdef01234567'),
    yes: true,
    no: false,
    date: new Date(0),
    early: new Date(-62_135_596_800_000),
    nothing: null,
    pattern: new BSONRegExp('^a/b"', 'im'),
    code: new Code('function () { return "x"; }'),
    int: new Int32(-2_147_483_648),
    stamp: new Timestamp({ t: 4_294_967_295, i: 1 }),
    long: Long.MIN_VALUE,
    decimal: Decimal128.fromString('-1.234567890123456789012345678901234E-6143'),
    least: new MinKey(),
    most: new MaxKey(),
    reference: new DBRef('other', new ObjectId('0123456789abcdef01234567')),
  };
}

/** Stands between a client and the server. `cut` ends all connections, and every new one. */
export async function openProxy(
  options: { after?: number } = {},
): Promise<{ port: number; cut(): void; close(): void }> {
  const open = new Set<Socket>();
  let dead = false;
  let passed = 0;
  const cut = () => {
    dead = true;
    for (const socket of open) socket.destroy();
  };
  const server = createServer((near) => {
    if (dead) return near.destroy();
    const { host, port } = address();
    const far = dial(port, host);
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        open.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.on('data', (bytes) => {
      passed += bytes.length;
      if (options.after !== undefined && passed > options.after) return cut();
      near.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, cut, close: () => void server.close(cut) };
}

/** The server behind a certificate for 127.0.0.1 of an authority that nobody else knows. */
export async function openTls(directory: string): Promise<{ port: number; ca: string; close(): void }> {
  const [ca, key] = [join(directory, 'ca.pem'), join(directory, 'key.pem')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync('openssl', [...made, ...subject, '-keyout', key, '-out', ca], { stdio: 'ignore' });
  const server = createTlsServer({ cert: readFileSync(ca), key: readFileSync(key) }, (near) => {
    const { host, port } = address();
    const far = dial(port, host);
    for (const socket of [near, far]) socket.on('error', () => {});
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, ca, close: () => void server.close() };
}

/**
 * A folder with programs of ours for PATH. Each writes its arguments, one a line, and what its `--config` file holds to NAME.log, then does
 * what the lines of shell say.
 */
export function fakeTools(directory: string, programs: Record<string, string>): string {
  const folder = join(directory, 'fake');
  mkdirSync(folder, { recursive: true });
  for (const [name, script] of Object.entries(programs)) {
    const file = join(folder, name);
    const note = `for word in "$@"; do printf '%s\\n' "$word"; case $word in --config=*) cat "\${word#--config=}";; esac; done >>"${folder}/${name}.log"`;
    writeFileSync(file, `#!/bin/sh\n[ "$1" = --version ] || { ${note}; }\n${script}\n`);
    chmodSync(file, 0o755);
  }
  return folder;
}

/**
 * A mongod for scratch restores: it listens on the socket that it is told, and hands on to the server of the tests. What it is told is in
 * mongod.log.
 */
export function fakeMongod(directory: string, version = '7.0.12'): string {
  const { host, port } = address();
  const script = `[ "$1" = --version ] && { echo "db version v${version}"; exit; }
for word in "$@"; do case $word in --bind_ip=*) path=\${word#--bind_ip=};; esac; done
exec "${process.execPath}" -e '
const net = require("net");
const server = net.createServer((near) => {
  const far = net.connect(${port}, "${host}");
  near.on("error", () => {}); far.on("error", () => {});
  near.pipe(far).pipe(near);
});
server.listen(process.argv[1], () => console.log(JSON.stringify({ msg: "Waiting for connections" })));
' "$path"`;
  return fakeTools(directory, { mongod: script });
}
