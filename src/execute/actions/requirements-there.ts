/** Requirements at the place where a source's programs run: asked by a constant script, since no file of that place can be opened here. */
import type { Command, Place } from '../../command.ts';
import type { Requirement } from '../../graph.ts';
import { placeName } from '../../place-name.ts';
import { type Checked, checkTime } from './requirements.ts';

type Need<Name extends Requirement['need']> = Extract<Requirement, { need: Name }>;

export type Asked = { title: string; command: Command; tell(found: Checked): Checked };

/** A requirement that a program answers: a check, or a program or path at a place. Null: it is looked at here. */
export function askedOf(requirement: Requirement): Asked | null {
  if (requirement.need === 'check') {
    const { title, command } = requirement;
    return { title, command: { ...command, timeout: command.timeout ?? checkTime }, tell: (found) => found };
  }
  if (!('place' in requirement) || !requirement.place) return null;
  const { place, why } = requirement;
  const isProgram = requirement.need === 'program';
  const title = isProgram ? `whether ${requirement.program} is there` : `whether ${requirement.path} is there`;
  const sentence = (problem: string) => {
    // That the place does not answer is a sentence already.
    if (problem.startsWith(title)) return problem;
    if (!isProgram) return `${requirement.path} ${problem}: ${why}`;
    return `the program ${requirement.program} is missing at ${placeName(place)}: ${why}; ${requirement.hint}`;
  };
  return {
    title,
    command: { ...(isProgram ? programThere(requirement, place) : pathThere(requirement, place)), timeout: checkTime },
    tell: ({ problems, warnings }) => ({ problems: problems.map(sentence), warnings }),
  };
}

/** Prints nothing when the program is there. */
function programThere({ program }: Need<'program'>, place: Place): Command {
  return { argv: ['sh', '-c', 'command -v "$1" >/dev/null || echo missing', 'sh', program], place };
}

const pathScript = `
if [ ! -e "$1" ]; then echo "does not exist"; exit; fi
if [ "$2" = file ] && [ ! -f "$1" ]; then echo "is not a file"; exit; fi
if [ "$2" = directory ] && [ ! -d "$1" ]; then echo "is not a directory"; exit; fi
if [ ! -r "$1" ]; then echo "may not be read by this user"; exit; fi
if [ "$3" = full ] && [ -f "$1" ] && [ ! -s "$1" ]; then echo "is an empty file"; exit; fi
if [ "$3" = full ] && [ -d "$1" ] && [ -z "$(ls -A "$1")" ]; then echo "is an empty directory"; exit; fi
[ -z "$4" ] || [ "$(head -c "$5" <"$1" | od -An -v -tx1 | tr -d ' \\n')" = "$4" ] ||
  echo "does not begin as it should, so it is not what the plan takes it for"
`;

/** Prints what is wrong with the path: the end of a sentence that begins with it. */
function pathThere({ path, what, notEmpty, header = '' }: Need<'path'>, place: Place): Command {
  const bytes = Buffer.from(header, 'latin1');
  const words = [path, what, notEmpty ? 'full' : '', bytes.toString('hex'), String(bytes.length)];
  return { argv: ['sh', '-c', pathScript, 'sh', ...words], place };
}
