/** Sockets that are read in large pieces. In those of 64 KiB, as node reads by itself, a download costs twice the processor's time. */
import { Agent } from 'node:http';
import { connect, type NetConnectOpts, type OnReadOpts, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Memory for what comes; a piece is what is there of it when it is looked at, and this at most. */
const slabBytes = 2 ** 20;
/** With less left than that a new slab is begun. */
const leastBytes = 64 * 1024;

/**
 * Opens a socket with these options more, for node's HTTP client: its parser copies every body it hands on (`on_body` of
 * node_http_parser.cc), so what it has taken may be written over. What lies in the socket because nobody reads it may not.
 */
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
    const goOn = socket.push(into.subarray(0, bytes));
    // A new slab for each would outlive the young collections of collect.ts.
    if (socket.readableLength === 0) used = 0;
    return goOn;
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
