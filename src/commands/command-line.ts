/** argv -> an invocation. The only module that knows commander. */
import { CommanderError, InvalidArgumentError, Option, Command as Parser } from 'commander';
import own from '../../package.json' with { type: 'json' };
import { RunnerError } from '../diagnostic.ts';
import type { Terminal } from '../report/terminal.ts';
import { parseDuration, seconds } from '../units.ts';
import type { Invocation, Options } from './command.ts';
import { exitCodes, type Flag, type Slot, type Verb } from './verb.ts';
import { verbs } from './verbs.ts';

export type Parsed = { verb: Verb; invocation: Invocation };

/** The invocation, or null when help or the version was asked for and printed. Throws RunnerError (exit 4). */
export function parseCommandLine(argv: string[], terminal: Terminal): Parsed | null {
  let parsed: Parsed | null = null;
  const program = base(new Parser('runner'), terminal)
    .description('Backups as a reviewed plan: validate, plan, apply, prove by restoring.')
    .version(own.version, '-V, --version', 'print the version')
    .addHelpText('after', programFooter);
  program.helpCommand('help [command]', 'print the help of a command');
  for (const verb of verbs) {
    program.addCommand(
      subcommand(verb, terminal, (words, options) => {
        parsed = { verb, invocation: place(verb, words, options) };
      }),
    );
  }
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return null;
    throw usage(error);
  }
  return parsed;
}

const programFooter = `
PLAN is a file; without it RUNNER_PLAN is used, else ./runner.yaml. A word with neither a dot nor a slash is not a PLAN.

Examples:
  runner validate plans/prod.yaml
  runner plan     plans/prod.yaml
  runner apply    plans/prod.yaml
  runner restore  plans/prod.yaml orders --latest --to ./restored

${exitCodes}`;

function base(parser: Parser, terminal: Terminal): Parser {
  return parser
    .exitOverride()
    .helpOption('-h, --help', 'print this help')
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .configureOutput({
      writeOut: (text) => terminal.data(text),
      writeErr: (text) => terminal.say(text),
      // The message is printed once, where every other one is.
      outputError: () => {},
    });
}

function subcommand(verb: Verb, terminal: Terminal, found: (words: string[], options: Options) => void): Parser {
  const parser = base(new Parser(verb.name), terminal)
    .summary(verb.summary)
    .description(`${verb.summary[0]!.toUpperCase()}${verb.summary.slice(1)}.`)
    .usage(`${verb.slots.map(slotText).join(' ')} [options]`)
    .argument('[words...]')
    .addHelpText('after', footer(verb))
    .action((words: string[], options: Options) => found(words, options));
  parser.registeredArguments[0]!.description = '';
  for (const flag of verb.flags) parser.addOption(option(flag));
  return parser.option('--env-file <file>', 'read variables from this file; those of the environment win');
}

function option({ flags, text, choices, check, hidden }: Flag): Option {
  const result = new Option(flags, text);
  if (choices) result.choices([...choices]);
  if (hidden) result.hideHelp();
  if (check === 'duration') result.argParser(durationInSeconds);
  return result;
}

function durationInSeconds(text: string): number {
  const duration = parseDuration(text);
  if (duration === null) throw new InvalidArgumentError('A duration such as 30s, 10m or 2h was expected.');
  return seconds(duration);
}

function footer(verb: Verb): string {
  const exits = verb.exits ? `\nHere: ${verb.exits}\n` : '';
  return `\nExamples:\n${verb.examples.map((line) => `  ${line}\n`).join('')}\n${exitCodes}${exits}`;
}

function slotText({ slot, optional }: { slot: Slot; optional: boolean }): string {
  const name = slot === 'BACKUPS' ? 'BACKUP...' : slot;
  return optional ? `[${name}]` : name;
}

/** Which word is the plan, and whether there are as many as the verb takes. */
function place(verb: Verb, words: string[], options: Options): Invocation {
  const rest = [...words];
  const alone = verb.slots.length === 1;
  const plan = rest.length > 0 && (alone || /[./]/.test(rest[0]!)) ? rest.shift()! : null;
  const slots = verb.slots.slice(1);
  const needed = slots.filter(({ optional }) => !optional);
  const line = `runner ${verb.name} ${verb.slots.map(slotText).join(' ')}`;
  if (rest.length < needed.length) {
    throw wrong(`${verb.name} needs ${needed.map(({ slot }) => slot).join(' and ')}: ${line}`);
  }
  if (!slots.some(({ slot }) => slot === 'BACKUPS') && rest.length > slots.length) {
    throw wrong(`"${rest[slots.length]}" is one word too many: ${line}`);
  }
  return { verb: verb.name, plan, words: rest, options };
}

/** commander's message as one sentence with its suggestion. */
function usage(error: CommanderError): RunnerError {
  // Help that was printed because nothing was asked has said everything.
  if (error.code === 'commander.help') return wrong('');
  const text = error.message.replace(/^error: /, '').replace(/\s*\n\s*\(Did you mean (.*)\)$/, '; did you mean $1');
  return wrong(text);
}

function wrong(message: string): RunnerError {
  return new RunnerError(message, { exitCode: 4 });
}
