/** Process exit codes; they are API (see README.md). */
export const ExitCode = {
  success: 0,
  partial: 1,
  failure: 2,
  unexpected: 3,
  usage: 4,
  locked: 5,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** A place in a text file. `line` and `column` count from 1; `column` and `length` are in characters of `text`. */
export type Place = { file: string; line: number; column: number; length: number; text: string };

export type Severity = 'error' | 'warning' | 'advice';

/** One finding about a plan. `rule` is the id of a named rule (a page in src/plan/rules) or of a step (`yaml`, `schema`). */
export type Diagnostic = {
  rule: string;
  severity: Severity;
  message: string;
  /** What was expected, e.g. `a duration such as 7d`. */
  expected?: string;
  /** A near name: printed as «did you mean "daily"?». */
  suggestion?: string;
  place?: Place;
};

/** A mistake or a fault that a person can act on: printed as one sentence, never as a stack trace. */
export class RunnerError extends Error {
  readonly exitCode: ExitCode;
  readonly diagnostics: readonly Diagnostic[];

  constructor(
    message: string,
    options: { exitCode?: ExitCode; diagnostics?: readonly Diagnostic[]; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RunnerError';
    this.exitCode = options.exitCode ?? ExitCode.failure;
    this.diagnostics = options.diagnostics ?? [];
  }
}

/** What is refused because the plan or the command line is wrong: exit 4. */
export function refuse(message: string): RunnerError {
  return new RunnerError(message, { exitCode: ExitCode.usage });
}
