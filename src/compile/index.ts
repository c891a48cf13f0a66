export { compileApply } from './apply.ts';
export { compilePrune } from './prune.ts';
export { compileRestore, type RestoreChoice } from './restore.ts';
export { type Choice, compileVerify } from './verify.ts';
