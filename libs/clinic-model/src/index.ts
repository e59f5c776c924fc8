export * from './counts.ts';
export * from './documents.ts';
export * from './ids.ts';
export * from './indexes.ts';
export * from './models.ts';
export * from './patients.ts';
export * from './search-text.ts';
export * from './share-code.ts';
