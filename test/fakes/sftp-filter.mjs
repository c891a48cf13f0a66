// An SFTP server with a fault: OpenSSH's own sftp-server, with what passes between it and the client changed.
// usage (in sshd_config): Subsystem sftp NODE sftp-filter.mjs SERVER MODE [CONTROL]
//   plain      the server has no extensions
//   replacing  no extensions, and its rename replaces what is there
//   meddle     what the file CONTROL says, once: `cut-before WHAT`, `cut-after WHAT`, `stall WHAT`, of which WHAT is the number of a
//              request's type or the name of an extension. `cut-after` lets the server act and keeps its answer back. A
//              third word is an expression that the request must match; `>N` means one of more than N bytes.
//   plain+meddle  both
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';

const [server, words, control] = process.argv.slice(2);
const modes = new Set(words.split('+'));
const bare = modes.has('plain') || modes.has('replacing');
const real = spawn(server, [], { stdio: ['pipe', 'pipe', 'inherit'] });
real.on('exit', (code) => process.exit(code ?? 1));
let stalled = false;
let lost = null;

/** Calls `take` with each packet, its length included. */
function packets(stream, take) {
  let rest = Buffer.alloc(0);
  stream.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE()) {
      const length = 4 + rest.readUInt32BE();
      take(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  });
}

const text = (packet, at) => packet.subarray(at + 4, at + 4 + packet.readUInt32BE(at)).toString();

function withLength(body) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** The order that fits this packet, which then counts no more. */
function order(packet) {
  let said;
  try {
    said = readFileSync(control, 'utf8').trim();
  } catch {
    return null;
  }
  const [act, what, which = ''] = said.split(' ');
  const isLarge = which.startsWith('>');
  const fits = isLarge ? packet.length > Number(which.slice(1)) : new RegExp(which).test(packet.toString('latin1'));
  if (!fits) return null;
  if (what !== String(packet[4]) && !(packet[4] === 200 && text(packet, 9) === what)) return null;
  rmSync(control);
  return act;
}

packets(process.stdin, (packet) => {
  if (stalled) return;
  if (modes.has('replacing') && packet[4] === 18) {
    const name = Buffer.from('posix-rename@openssh.com');
    const body = Buffer.concat([Buffer.from([200]), packet.subarray(5, 9), withLength(name), packet.subarray(9)]);
    real.stdin.write(withLength(body));
    return;
  }
  const act = modes.has('meddle') ? order(packet) : null;
  if (act === 'cut-before') process.exit(1);
  if (act === 'stall') stalled = true;
  if (act === 'cut-after') lost = packet.readUInt32BE(5);
  if (!stalled) real.stdin.write(packet);
});
process.stdin.on('end', () => real.stdin.end());

packets(real.stdout, (packet) => {
  if (lost !== null && packet.readUInt32BE(5) === lost && packet[4] !== 2) process.exit(1);
  const seen = packet[4] === 2 && bare ? withLength(packet.subarray(4, 9)) : packet;
  if (!stalled) process.stdout.write(seen);
});
