/** What one action does, as lines for a person. */
import { render } from '../bind.ts';
import { partLabel } from '../catalog/artifacts.ts';
import { partSuffix } from '../catalog/part-name.ts';
import type { Action, CapturePart, PutBack, Requirement, RestoreOrigin, SinkPlan, Step } from '../graph.ts';
import { placeName } from '../place-name.ts';
import type { Assertion } from '../recipe.ts';
import { formatDuration, formatSize } from '../units.ts';
import { quote, recipeLines, shellLine, shellPipeline, type View } from './shell.ts';

type Capture = Extract<Action, { do: 'capture' }>;
type Verify = Extract<Action, { do: 'verify' }>;

/** Lines without indentation; commands start with `$ `. */
export function actionLines(action: Action, lookup: View): string[] {
  switch (action.do) {
    case 'preflight':
      return action.requirements.map(requirementLine);
    case 'step':
      return [stepLine(action.step, lookup)];
    case 'capture':
      return captureLines(action, lookup);
    case 'verify':
      return verifyLines(action, lookup);
    case 'admit':
      return [
        action.onTheWay
          ? `compare the size of ${origin(action.from, action.id)} with the manifest; its SHA-256 is compared on the way`
          : `read ${origin(action.from, action.id)} whole and compare its SHA-256 with the manifest`,
      ];
    case 'unpack':
      return [
        ...recipeLines(`get ${origin(action.from, action.id)}`, action.decode, action.recipe, lookup).map(dollar),
        ...(action.recipe.finish ?? []).flatMap((assertion) => assertionLines(assertion, lookup)),
        ...(action.over ? [`should it fail: ${putBackText(action.over)}`] : []),
      ];
    case 'run':
      return action.commands.map((command) => dollar(shellLine(command, lookup)));
    case 'hold':
      return [dollar(`${shellLine(action.held.command, lookup)} &`)];
    case 'assert':
      return action.assert.flatMap((assertion) => assertionLines(assertion, lookup));
    case 'reserve':
      if ('commands' in action) return action.commands.map((command) => dollar(shellLine(command, lookup)));
      return [`claim ${action.path}`];
    case 'swap':
      if ('commands' in action) return action.commands.map((command) => dollar(shellLine(command, lookup)));
      return [`move ${action.target} to ${action.aside}, where it exists`, `move ${action.beside} to ${action.target}`];
    case 'unswap':
      if ('commands' in action) return action.commands.map((command) => dollar(shellLine(command, lookup)));
      return [`move ${action.aside} back to ${action.target}`];
    case 'put-back':
      return putBackLines(action, lookup);
    case 'quiesce':
      return action.before.map((command) => dollar(shellLine(command, lookup)));
    case 'go-on':
      return action.after.map((command) => dollar(shellLine(command, lookup)));
    case 'discard':
      if ('commands' in action) return action.commands.map((command) => dollar(shellLine(command, lookup)));
      return [`remove ${action.path}`];
    default:
      return [];
  }
}

const dollar = (line: string): string => `$ ${line}`;

function captureLines(action: Capture, lookup: View): string[] {
  const [only] = action.parts;
  const lines = action.parts.flatMap((part) => partLines(part, action, lookup));
  const sinks = action.branches.flatMap(({ sinks }) => sinks);
  const places = sinks.map((sink) => [sink.destination, ...sinkNotes(sink)].join(' '));
  const key = action.layout ?? `${action.manifest.plan.name}/${action.backup}/{yyyy}/{mm}/{id}{ext}`;
  const name = action.parts.length === 1 && only!.name === null ? key.replace('{ext}', only!.extension) : key;
  return [
    ...lines,
    `to ${places.join(', ')}: ${name}; ${action.require} of ${sinks.length} must hold it`,
    ...expectLines(action.expect),
  ];
}

/** What is special about one of the destinations. */
function sinkNotes({ tiers, dropAfter }: SinkPlan): string[] {
  return [
    ...(tiers ? [`(only ${tiers.join(', ')})`] : []),
    ...(dropAfter === undefined ? [] : [`(left out when it holds up the others for ${formatDuration(dropAfter)})`]),
  ];
}

/** The programs of one part; which of several it is stands before them, with the end of its key. */
function partLines(part: CapturePart, { branches }: Capture, lookup: View): string[] {
  const links = [part.produce, ...(part.counter ? [part.counter] : [])].map((command) => shellLine(command, lookup));
  const before = [...part.prepare, ...Object.values(part.learn ?? {})];
  const after = [...(part.ask ?? []).map(({ command }) => command), ...part.cleanup];
  const lines = branches.flatMap(({ stages }) =>
    shellPipeline({ before, links, stages, after, end: '' }, lookup).map(dollar),
  );
  const title = part.name === null ? [] : [`${partLabel(part)} ({ext} is ${partSuffix(part)}${part.extension}):`];
  return [...title, ...lines];
}

function expectLines(expect: Capture['expect']): string[] {
  const bounds = (value: { atLeast?: number; atMost?: number } | undefined, name: string): string[] => {
    if (!value) return [];
    const parts = [
      value.atLeast === undefined ? '' : `at least ${value.atLeast * 100}%`,
      value.atMost === undefined ? '' : `at most ${value.atMost * 100}%`,
    ];
    return [`${name} ${parts.filter(Boolean).join(' and ')} of the median`];
  };
  const parts = [
    ...(expect.minSize === undefined ? [] : [`at least ${formatSize(expect.minSize)}`]),
    ...(expect.maxSize === undefined ? [] : [`at most ${formatSize(expect.maxSize)}`]),
    ...bounds(expect.size, 'size'),
    ...bounds(expect.duration, 'duration'),
    ...(expect.maxDuration === undefined ? [] : [`within ${formatDuration(expect.maxDuration)}`]),
    ...(expect.maxAge === undefined ? [] : [`never older than ${formatDuration(expect.maxAge)}`]),
  ];
  return parts.length === 0 ? [] : [`expect ${parts.join('; ')}`];
}

function verifyLines(action: Verify, lookup: View): string[] {
  const from = `get ${action.destinations.join(' or ')}:${render(action.id, lookup)}`;
  const due = action.every === undefined ? [] : [`when the last pass is older than ${formatDuration(action.every)}`];
  if (action.level === 'checksum') return [...due, dollar(`${from} | sha256`)];
  const parts = action.parts.flatMap((part) => {
    const origin = action.parts.length > 1 ? `${from} (${partLabel(part)})` : from;
    if (part.missing !== undefined) return [`nothing can be proven here: ${part.missing}`];
    const { decode, recipe, assert } = part;
    return [
      ...recipeLines(origin, decode, recipe, lookup).map(dollar),
      ...[...(recipe?.finish ?? []), ...assert].flatMap((assertion) => assertionLines(assertion, lookup)),
    ];
  });
  return [...due, ...parts];
}

function assertionLines(assertion: Assertion, lookup: View): string[] {
  const check = `assert ${assertion.title}`;
  if (assertion.check === 'exit') return [`$ ${shellLine(assertion.command, lookup)}`];
  if (assertion.check === 'contents') return [`$ ${shellLine(assertion.command, lookup)}`, check];
  if (assertion.check !== 'output') return [check];
  const reference = assertion.reference ? [`$ ${shellLine(assertion.reference, lookup)}`] : [];
  return [`$ ${shellLine(assertion.command, lookup)}`, ...reference, check];
}

function stepLine(step: Step, lookup: View): string {
  if (step.step === 'http') return `wait until ${step.url} answers, within ${formatDuration(step.within)}`;
  if (step.step === 'manual') return `ask a person: ${step.text}`;
  return dollar(shellLine(step.command, lookup));
}

/** Where it is looked for, if not here. */
function at({ place }: Extract<Requirement, { need: 'program' | 'path' }>): string {
  return place ? ` in ${placeName(place)}` : '';
}

function requirementLine(requirement: Requirement): string {
  switch (requirement.need) {
    case 'program':
      return `program ${requirement.program}${at(requirement)}`;
    case 'path':
      return `${requirement.what === 'any' ? 'path' : requirement.what} ${quote(requirement.path)}${at(requirement)}`;
    case 'secret':
      return `‹secret:${requirement.secret}›`;
    case 'check':
      return `check ${requirement.title}`;
    case 'fact':
      return `problem: ${requirement.problem}`;
    case 'destination':
      return `destination ${requirement.destination}${requirement.minimumFree === undefined ? '' : ` with ${formatSize(requirement.minimumFree)} free`}`;
  }
}

function putBackText({ target, commands, copy }: PutBack): string {
  if (copy) return `put the safety copy ‹${copy.from}.id› back in ${target}`;
  return commands.length > 0 ? `leave ${target} as empty as it is` : `nothing brings back what ${target} holds`;
}

function putBackLines({ commands, copy }: PutBack, lookup: View): string[] {
  if (!copy) return commands.map((command) => dollar(shellLine(command, lookup)));
  const place = `get ${copy.destinations.join(' or ')}:${render({ out: `${copy.from}.id` }, lookup)}`;
  return recipeLines(place, copy.decode, copy.recipe, lookup).map(dollar);
}

function origin(from: RestoreOrigin, id: string): string {
  return 'file' in from ? quote(from.file) : `${from.destination}:${id}`;
}
