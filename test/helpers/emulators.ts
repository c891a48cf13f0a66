/** Emulators of a test's own: fake-gcs-server for Google Cloud Storage, azurite for Azure Blob Storage. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { signContainer } from '../../src/destinations/azure/sas.ts';
import { freePort } from './port.ts';
import { has, programAt } from './programs.ts';
import { temporaryDirectory } from './runner.ts';

export type Emulator = {
  port: number;
  /** A new bucket or container; its own name by default. */
  bucket(name?: string): Promise<string>;
  /** Members of a plan's destination of that bucket. */
  spec(bucket: string): Record<string, unknown>;
  stop(): Promise<void>;
};

export const hasGcs = () => has('fake-gcs-server');
export const hasAzure = () => has('azurite-blob');

/** The account and key that every azurite knows. */
export const azureAccount = 'devstoreaccount1';
export const azureKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
export const azureSas = (container: string, permissions?: string) =>
  signContainer(azureAccount, azureKey, container, new Date(Date.now() + 3_600_000), permissions);

export async function startGcs(): Promise<Emulator> {
  const folder = temporaryDirectory('fake-gcs-');
  const port = await freePort();
  const words = [
    '-scheme',
    'http',
    '-host',
    '127.0.0.1',
    '-port',
    `${port}`,
    '-backend',
    'filesystem',
    '-filesystem-root',
    folder.path,
  ];
  const addresses = ['-public-host', `127.0.0.1:${port}`, '-external-url', `http://127.0.0.1:${port}`];
  const url = `http://127.0.0.1:${port}/storage/v1/b`;
  return await emulator(port, [programAt('fake-gcs-server')!, ...words, ...addresses], url, {
    folder,
    create: (name) =>
      fetch(`${url}?project=test`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name }),
      }),
    spec: (bucket) => ({ type: 'gcs', bucket, anonymous: true, endpoint: `http://127.0.0.1:${port}/storage/v1/` }),
  });
}

export async function startAzure(): Promise<Emulator> {
  const folder = temporaryDirectory('azurite-');
  const port = await freePort();
  const words = [
    '--blobHost',
    '127.0.0.1',
    '--blobPort',
    `${port}`,
    '--location',
    folder.path,
    '--silent',
    '--disableTelemetry',
    '--skipApiVersionCheck',
  ];
  const endpoint = `http://127.0.0.1:${port}/${azureAccount}`;
  return await emulator(port, [programAt('azurite-blob')!, ...words], `${endpoint}?comp=list`, {
    folder,
    create: (name) => createContainer(endpoint, name),
    spec: (container) => ({ type: 'azure', account: azureAccount, container, endpoint }),
  });
}

/** A folder by WebDAV, served by rclone itself. */
export async function startWebdav(folder: string, user: string, password: string) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const argv = ['rclone', 'serve', 'webdav', folder, '--addr', `127.0.0.1:${port}`, '--user', user, '--pass', password];
  const server = await served(argv, url);
  return { url, stop: server.halt };
}

type Kind = {
  folder: ReturnType<typeof temporaryDirectory>;
  create(name: string): Promise<Response>;
  spec(bucket: string): Record<string, unknown>;
};

async function emulator(port: number, argv: string[], url: string, kind: Kind): Promise<Emulator> {
  let buckets = 0;
  const { halt } = await served(argv, url);
  return {
    port,
    bucket: async (name = `bucket-${process.pid}-${++buckets}`) => {
      const made = await kind.create(name);
      if (!made.ok) throw new Error(`${name}: ${made.status} ${await made.text()}`);
      return name;
    },
    spec: kind.spec,
    stop: async () => {
      await halt();
      kind.folder.remove();
    },
  };
}

/** Starts a program and waits until it answers at the URL. */
async function served(argv: string[], url: string) {
  let child: ChildProcess;
  const start = async () => {
    child = spawn(argv[0]!, argv.slice(1), { stdio: 'ignore' });
    for (let tries = 0; ; tries += 1) {
      try {
        await fetch(url);
        if (child.exitCode === null) return;
      } catch (error) {
        if (tries > 1200 || child.exitCode !== null) throw error;
        await sleep(50);
        continue;
      }
      throw new Error(`${argv[0]} ended at once`);
    }
  };
  const halt = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  await start();
  return { halt };
}

/** By the account's key: a signature of a container cannot make it. */
async function createContainer(endpoint: string, name: string): Promise<Response> {
  const [date, version] = [new Date().toUTCString(), '2020-12-06'];
  // Eleven headers that are not sent, then ours, then what is meant.
  const text = ['PUT', ...Array(11).fill(''), `x-ms-date:${date}`, `x-ms-version:${version}`].join('\n');
  const resource = `/${azureAccount}/${azureAccount}/${name}\nrestype:container`;
  const signature = createHmac('sha256', Buffer.from(azureKey, 'base64'))
    .update(`${text}\n${resource}`)
    .digest('base64');
  return await fetch(`${endpoint}/${name}?restype=container`, {
    method: 'PUT',
    headers: { 'x-ms-date': date, 'x-ms-version': version, authorization: `SharedKey ${azureAccount}:${signature}` },
  });
}
