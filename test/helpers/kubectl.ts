/** A `kubectl` for tests: runs what it is told to run here, and can cut the stream as a node that goes down does. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Writes it into `directory/bin` and returns that folder, to be put first on PATH. `$KUBECTL_PODS` are the lines of `get pods`;
 * with `$KUBECTL_CUT` the output ends after so many bytes and the exit code is 0, whatever the program does.
 */
export function fakeKubectl(directory: string): string {
  const bin = join(directory, 'bin');
  mkdirSync(bin, { recursive: true });
  const script = `#!/bin/sh
# What it was called with, for the test.
for word; do printf '%s\\n' "$word"; done > '${directory}/kubectl.called'
for word; do
  case $word in
    get) printf '%b' "$KUBECTL_PODS"; exit 0 ;;
    exec) break ;;
  esac
done
case " $* " in *" gone "*) echo 'Error from server (NotFound): pods "gone" not found' >&2; exit 1 ;; esac
while [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done
shift
# What it has started goes on, as in a pod whose node lost its kubelet.
[ -z "$KUBECTL_CUT" ] || { exec 3<&0; { setsid "$@" <&3 & } | head -c "$KUBECTL_CUT"; exit 0; }
"$@"
code=$?
[ $code = 0 ] || echo "command terminated with exit code $code" >&2
exit $code
`;
  writeFileSync(join(bin, 'kubectl'), script);
  chmodSync(join(bin, 'kubectl'), 0o755);
  return bin;
}
