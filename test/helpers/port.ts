/** Ports for servers of tests. */
import { once } from 'node:events';
import { createServer } from 'node:net';

let next = 0;

/**
 * A free port of loopback: below those that the kernel gives away by itself (32768 and up), and in a block that no other worker
 * looks at, so that nobody takes it before it is used, nor while its server is away.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const block = 12_000 + (Number(process.env.VITEST_POOL_ID ?? 0) % 12) * 1_000;
    const port = block + ((process.pid * 37 + next++) % 1_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
