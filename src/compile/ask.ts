import type { Argument, Command } from '../command.ts';
import type { Facts, Question, Target } from '../kind.ts';
import type { Configured } from '../plan/resolved.ts';
import { findSource } from '../registry.ts';

/** A kind's own command for a question; `target` null is the live source. */
export function askKind(
  { type, spec }: Configured,
  question: Question,
  target: Target | null,
  facts: Facts,
  moment?: Argument,
): Command {
  const kind = findSource(type);
  if (!kind.ask) throw new Error(`a ${type} source answers nothing although the plan was validated`);
  return kind.ask(spec, question, target, facts, moment);
}
