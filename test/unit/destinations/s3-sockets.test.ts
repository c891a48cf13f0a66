/** Sockets whose memory is written over: what has come stays as it came, for a fast reader, a slow one and a late one. */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, get, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer as listen, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { inLargePieces, LargeAgent } from '../../../src/destinations/s3/sockets.ts';

const bytes = randomBytes(24 * 2 ** 20);
const hashOf = (pieces: Uint8Array[]) =>
  pieces.reduce((hash, piece) => hash.update(piece), createHash('sha256')).digest('hex');

async function body(read: (answer: IncomingMessage) => Promise<Buffer[]>): Promise<Buffer[]> {
  const server = createServer((_, response) => {
    for (let at = 0; at < bytes.length; at += 700_001) response.write(bytes.subarray(at, at + 700_001));
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const agent = new LargeAgent({ keepAlive: true });
  try {
    const { port } = server.address() as AddressInfo;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ port, host: '127.0.0.1', agent }, resolve).once('error', reject);
    });
    return await read(answer);
  } finally {
    agent.destroy();
    server.close();
  }
}

describe('sockets that are read in large pieces', () => {
  it.each([
    ['at once', 0, 0],
    ['slowly', 1, 0],
    ['late', 0, 200],
  ])('give what was sent to who reads %s and looks at it at the end', async (_, each, before) => {
    const pieces = await body(async (answer) => {
      await sleep(before);
      const all: Buffer[] = [];
      for await (const piece of answer as AsyncIterable<Buffer>) {
        all.push(piece);
        if (each > 0 && all.length % 50 === 0) await sleep(each);
      }
      return all;
    });
    expect(hashOf(pieces)).toBe(hashOf([bytes]));
    expect(Math.max(...pieces.map(({ length }) => length))).toBeGreaterThan(64 * 1024);
  });

  it('do not write over what nobody has read yet', async () => {
    const sent = Array.from({ length: 10 }, () => randomBytes(1000));
    const server = listen(async (peer) => {
      for (const piece of sent) {
        peer.write(piece);
        await sleep(10);
      }
      peer.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const socket = inLargePieces((more) => connect({ port, host: '127.0.0.1', ...more })) as Socket;
    socket.resume().pause();
    await sleep(300);
    expect(hashOf(await socket.toArray())).toBe(hashOf(sent));
    server.close();
  });
});
