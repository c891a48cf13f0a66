/** A runner that makes the backups of a plan and is killed while its application stands still. Usage: PLAN */
import { compileApply } from '../../src/compile/apply.ts';
import { executeGraph } from '../../src/execute/run.ts';
import { readFacts } from '../../src/facts.ts';
import { readPlan } from '../../src/plan/read.ts';

const [file] = process.argv.slice(2) as [string];
const environment = { ...process.env };
const { resolved } = await readPlan(file, { environment });
const facts = await readFacts(resolved, { environment });
const outcome = await executeGraph(compileApply(resolved, facts), resolved, {
  environment,
  signal: new AbortController().signal,
  emit: () => {},
});
process.exitCode = outcome.exitCode;
