/** Sockets that are read in large pieces. In those of 64 KiB, as node reads by itself, a download costs twice the processor's time. */
import { Agent } from 'node:http';
import { connect, type NetConnectOpts, type OnReadOpts, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Memory for what comes; a piece is what is there of it when it is looked at, and this at most. */
const slabBytes = 2 ** 20;
/** With less left than that a new slab is begun. */
const leastBytes = 64 * 1024;

/** Opens a socket with these options more. Pieces share slabs, and nothing is written twice into one. */
export function inLargePieces(open: (more: { onread: OnReadOpts }) => Duplex): Duplex {
  let slab = Buffer.allocUnsafeSlow(slabBytes);
  let used = 0;
  const buffer = () => {
    if (slab.length - used < leastBytes) {
      slab = Buffer.allocUnsafeSlow(slabBytes);
      used = 0;
    }
    return slab.subarray(used);
  };
  const callback = (bytes: number, into: Uint8Array) => {
    used += bytes;
    return socket.push(into.subarray(0, bytes));
  };
  const socket = open({ onread: { buffer, callback } });
  return socket;
}

/** An agent of such sockets. */
export class LargeAgent extends Agent {
  override createConnection(options: NetConnectOpts): Socket {
    return inLargePieces((more) => connect({ ...options, ...more })) as Socket;
  }
}
