/** The application's side of a disaster: a small server that asks its own question of the data, and remembers what it answered. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Application = {
  url: string;
  /** What it answers at `/health` right now. */
  health(): Promise<number>;
  /** Everything it has answered since the last time this was asked. */
  answers(): number[];
  stop(): Promise<void>;
};

/** Answers 200 while its question finds the data right, and 503 while it fails or finds it wrong. */
export async function startApplication(isRight: () => Promise<boolean>): Promise<Application> {
  const given: number[] = [];
  const server = createServer(async (_, response) => {
    const status = (await isRight().catch(() => false)) ? 200 : 503;
    given.push(status);
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    health: async () => (await fetch(`${url}/health`)).status,
    answers: () => given.splice(0),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
