/** HTTPS_PROXY: every connection goes through a tunnel, and the certificate is still the server's own. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openS3, type S3Spec } from '../../src/destinations/s3/index.ts';
import { collect, store } from '../contracts/destination.ts';
import { opening } from '../helpers/opening.ts';
import { hasEngine, type S3Server, startS3 } from '../helpers/s3-servers.ts';

describe.skipIf(!hasEngine('minio'))('s3 behind a proxy', () => {
  let server: S3Server;
  const asked: { target: string; credentials: string | undefined }[] = [];
  const proxy = createServer();
  proxy.on('connect', ({ url = '', headers }, socket) => {
    asked.push({ target: url, credentials: headers['proxy-authorization'] });
    if (!headers['proxy-authorization']) return void socket.end('HTTP/1.1 407 Who are you\r\n\r\n');
    const [host, port] = url.split(':');
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connected\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [upstream, socket]) end.on('error', () => {});
  });
  beforeAll(async () => {
    server = await startS3('minio', { tls: true });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
  });
  afterAll(async () => {
    proxy.close();
    proxy.closeAllConnections();
    await server?.stop();
  });

  it('goes through it, and says when it is refused', async () => {
    const spec = { ...server.spec(await server.bucket()), attempts: 2 } as S3Spec;
    const at = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const through = async (named: string, more = {}) =>
      await openS3(
        'cloud',
        spec,
        opening({}, { environment: { ...server.environment(), HTTPS_PROXY: named, ...more } }),
      );
    const good = await through(`http://me:p%40ss@${at}`);
    await store(good, 'key', Buffer.from('through'));
    expect(String(await collect(good, 'key'))).toBe('through');
    expect(asked[0]).toEqual({
      target: server.host,
      credentials: `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
    });
    await good.close();
    const refused = await through(`http://${at}`);
    await expect(refused.read('key', 100)).rejects.toThrow(/the proxy .* answers 407/);
    await refused.close();
    const before = asked.length;
    const past = await through(`http://${at}`, { NO_PROXY: '127.0.0.1' });
    expect(String(await past.read('key', 100))).toBe('through');
    expect(asked.length).toBe(before);
    await past.close();
  });
});
