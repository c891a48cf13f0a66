export { compileApply } from './apply.ts';
export { compilePrune } from './prune.ts';
export { compileRestore } from './restore.ts';
export type { RestoreChoice, RestorePiece } from './restore-context.ts';
export { compileSync } from './sync.ts';
export { type Choice, compileVerify } from './verify.ts';
